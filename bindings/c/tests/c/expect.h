/* Shared by the tests in C: expectations, which end the program if they fail. */

#ifndef EXPECT_H
#define EXPECT_H

#include <ovseal/ovseal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))
#define DONE(call) EXPECT(failed_with(call, 0))
#define FAILS(call, code) EXPECT(failed_with(call, code))

static void fail(const char *what, int line) {
    fprintf(stderr, "line %d: %s\n", line, what);
    exit(1);
}

/* Frees an error. Returns whether it has this code and a message, or is NULL for 0. */
static int failed_with(ovseal_error *error, uint32_t code) {
    uint32_t found = ovseal_error_code(error);
    const char *message = error ? ovseal_error_message(error) : "";
    int good = found == code && ovseal_error_kind(error) == code / 100 && !*message == !code;
    if (!good)
        fprintf(stderr, "%u, not %u: %s\n", found, code, message);
    ovseal_error_free(error);
    return good;
}

#endif
