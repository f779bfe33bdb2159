/* Seals a file, and reads it from the sealed file: hello_sealed FILE OUT.ovseal PASSPHRASE_FILE
 *
 *     cc -std=c11 main.c -o hello_sealed $(pkg-config --cflags --libs ovseal) */

#include <ovseal/ovseal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program when a call has failed. */
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
    /* One byte more than a passphrase has, a line ending and the end: longer ones are refused, not cut. */
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
    ovseal_seal_options *options;
    check(ovseal_seal_options_new(&options));
    check(ovseal_seal_options_add_recipient(options, key));
    check(ovseal_seal_options_add_publisher_key(options, signer));
    check(ovseal_seal_options_set_name(options, "hello"));
    check(ovseal_seal_options_set_only(options, true));
    check(ovseal_seal_options_set_replace(options, true));
    check(ovseal_seal(input, container, options, NULL));
    ovseal_seal_options_free(options);
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: hello_sealed FILE OUT.ovseal PASSPHRASE_FILE\n");
        return 2;
    }
    ovseal_harden_process();
    ovseal_key *key = read_passphrase(arguments[3]);
    /* A publisher keeps this key, and gives its public half to every device. */
    ovseal_publisher_key *signer;
    ovseal_publisher *publisher;
    check(ovseal_publisher_key_generate(&signer));
    check(ovseal_publisher_key_public(signer, &publisher));
    seal(arguments[1], arguments[2], key, signer);
    ovseal_publisher_key_free(signer);

    ovseal_open_options *options;
    ovseal_opened *opened;
    ovseal_part *part;
    ovseal_mapping *mapping;
    check(ovseal_open_options_new(OVSEAL_TRUST_PUBLISHERS, &options));
    check(ovseal_open_options_add_publisher(options, publisher));
    check(ovseal_open_options_set_name(options, "hello"));
    check(ovseal_open(arguments[2], key, options, &opened));
    check(ovseal_opened_part_by_number(opened, 0, &part));
    check(ovseal_part_map(part, &mapping));
    printf("%s: %zu bytes in memory\n", ovseal_part_path(part), ovseal_mapping_length(mapping));

    ovseal_mapping_free(mapping);
    ovseal_part_free(part);
    ovseal_opened_free(opened);
    ovseal_open_options_free(options);
    ovseal_publisher_free(publisher);
    ovseal_key_free(key);
    return 0;
}
