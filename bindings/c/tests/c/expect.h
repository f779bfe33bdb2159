/* Expectations of the tests in C: the first one that does not hold ends the program. */

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

/* Frees the error. Returns true if it has this code, the kind that follows, and a message. */
static int failed_with(ovseal_error *error, uint32_t code) {
    uint32_t found = ovseal_error_code(error);
    const char *message = error ? ovseal_error_message(error) : "";
    int good = found == code && ovseal_error_kind(error) == code / 100 && !error == !*message;
    if (!good)
        fprintf(stderr, "%u, not %u: %s\n", found, code, message);
    ovseal_error_free(error);
    return good;
}
