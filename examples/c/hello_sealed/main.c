/* Seals a file, then opens it in memory: hello_sealed FILE OUT.ovseal PASSPHRASE_FILE
 *
 *     cc -std=c11 main.c -o hello_sealed $(pkg-config --cflags --libs ovseal) */

#include <ovseal/ovseal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program if a call has failed. */
static void check(ovseal_error *error) {
    if (!error)
        return;
    fprintf(stderr, "error: %s", ovseal_error_message(error));
    for (size_t i = 0; i < ovseal_error_cause_count(error); ++i)
        fprintf(stderr, ": %s", ovseal_error_cause(error, i));
    if (ovseal_error_hint(error))
        fprintf(stderr, "\nhint: %s", ovseal_error_hint(error));
    fprintf(stderr, "\n");
    exit((int)ovseal_error_kind(error));
}

static ovseal_key *read_passphrase(const char *path) {
    /* One byte more than a passphrase and a newline, so that a longer one is rejected, not
     * truncated. */
    char text[1027] = "";
    FILE *file = fopen(path, "r");
    if (!file || !fgets(text, sizeof text, file)) {
        fprintf(stderr, "error: cannot read %s\n", path);
        exit(1);
    }
    fclose(file);
    ovseal_key *key;
    ovseal_error *error = ovseal_key_passphrase((const uint8_t *)text, strlen(text), &key);
    for (volatile char *byte = text; byte < text + sizeof text; ++byte)
        *byte = 0;
    check(error);
    return key;
}

static void seal(const char *input, const char *container, const ovseal_key *key, const ovseal_publisher_key *signer) {
    ovseal_seal_options options = OVSEAL_SEAL_OPTIONS_INIT;
    options.flags = OVSEAL_SEAL_ONLY | OVSEAL_SEAL_REPLACE;
    options.recipients = &key;
    options.recipient_count = 1;
    options.publisher_keys = &signer;
    options.publisher_key_count = 1;
    options.name = "hello";
    check(ovseal_seal(input, container, &options, NULL));
}

static ovseal_opened *open_sealed(const char *container, const ovseal_key *key, const ovseal_publisher *publisher) {
    const ovseal_trusted_publisher trusted = {publisher, NULL};
    ovseal_open_options options = OVSEAL_OPEN_OPTIONS_INIT;
    options.publishers = &trusted;
    options.publisher_count = 1;
    options.name = "hello";
    ovseal_opened *opened;
    check(ovseal_open(container, key, &options, &opened));
    return opened;
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: hello_sealed FILE OUT.ovseal PASSPHRASE_FILE\n");
        return 2;
    }
    ovseal_harden_process();
    ovseal_key *key = read_passphrase(arguments[3]);
    /* A publisher keeps this key, and distributes the public key. */
    ovseal_publisher_key *signer;
    ovseal_publisher *publisher;
    check(ovseal_publisher_key_generate(&signer));
    check(ovseal_publisher_key_public(signer, &publisher));
    seal(arguments[1], arguments[2], key, signer);
    ovseal_publisher_key_free(signer);

    ovseal_opened *opened = open_sealed(arguments[2], key, publisher);
    ovseal_part *part;
    ovseal_mapping *mapping;
    check(ovseal_opened_part_by_number(opened, 0, &part));
    check(ovseal_part_map(part, &mapping));
    printf("%s: %zu bytes in memory\n", ovseal_part_path(part), ovseal_mapping_length(mapping));

    ovseal_mapping_free(mapping);
    ovseal_part_free(part);
    ovseal_opened_free(opened);
    ovseal_publisher_free(publisher);
    ovseal_key_free(key);
    return 0;
}
