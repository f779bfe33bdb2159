/* Opens and closes a container again and again; memory must stay flat: cycles CONTAINER COUNT
 *
 * The key file is 32 bytes of 7. */

#include "expect.h"

/* Counts memory that no file backs, including swapped-out memory. Pages of libraries come and go
 * with the page cache. */
static long own_kib(void) {
    char line[256];
    long total = 0, kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "RssAnon: %ld", &kib) == 1 || sscanf(line, "RssShmem: %ld", &kib) == 1 ||
            sscanf(line, "VmSwap: %ld", &kib) == 1)
            total += kib;
    fclose(file);
    return total;
}

static void cycle(const char *container) {
    uint8_t bytes[32];
    memset(bytes, 7, sizeof bytes);
    ovseal_key *key;
    ovseal_opened *opened;
    ovseal_part *part;
    DONE(ovseal_key_keyfile(bytes, sizeof bytes, &key));
    ovseal_open_options options = OVSEAL_OPEN_OPTIONS_INIT;
    options.trust = OVSEAL_TRUST_ANY_SENDER;
    DONE(ovseal_open(container, key, &options, &opened));
    DONE(ovseal_opened_part(opened, "model.bin", &part));
    DONE(ovseal_part_read_range(part, 100, bytes, sizeof bytes));
    bytes[0] = 0;
    ovseal_error_free(ovseal_key_keyfile(bytes, 31, &key));
    ovseal_part_free(part);
    ovseal_opened_free(opened);
    ovseal_key_free(key);
}

int main(int count, char **arguments) {
    if (count != 3)
        return 100;
    long cycles = atol(arguments[2]);
    for (long i = 0; i < cycles / 10; ++i)
        cycle(arguments[1]);
    long before = own_kib();
    for (long i = cycles / 10; i < cycles; ++i)
        cycle(arguments[1]);
    long grown = own_kib() - before;
    printf("grown by %ld KiB\n", grown);
    return grown > 1024;
}
