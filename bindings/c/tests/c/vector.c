/* Opens a vector and reads its parts: vector CONTAINER KEY VALUE PUBLISHER NAME VERSION FOLDER, with "-" for what is not given.
 *
 * KEY is none, passphrase, keyfile or identity, VALUE hexadecimal. The content of part N is written to FOLDER/N. A failure is told as
 * its code, and the exit code is its kind. */

#include <ovseal/ovseal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(ovseal_error *error) {
    if (!error)
        return;
    int kind = (int)ovseal_error_kind(error);
    printf("code %u\n", ovseal_error_code(error));
    ovseal_error_free(error);
    exit(kind);
}

static size_t decode(const char *digits, uint8_t *bytes) {
    size_t length = strlen(digits) / 2;
    for (size_t i = 0; i < length; ++i) {
        unsigned byte;
        sscanf(digits + 2 * i, "%2x", &byte);
        bytes[i] = (uint8_t)byte;
    }
    return length;
}

static char *read_text(const char *path) {
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 16);
    if (!file || !text || !fread(text, 1, (1 << 16) - 1, file))
        exit(100);
    fclose(file);
    return text;
}

static ovseal_key *make_key(const char *kind, const char *value) {
    uint8_t *bytes = malloc(strlen(value) + 1);
    size_t length = decode(value, bytes);
    ovseal_key *key = NULL;
    ovseal_error *error;
    if (!strcmp(kind, "passphrase"))
        error = ovseal_key_passphrase(bytes, length, &key);
    else if (!strcmp(kind, "keyfile"))
        error = ovseal_key_keyfile(bytes, length, &key);
    else if (!strcmp(kind, "identity"))
        error = ovseal_key_identities(bytes, length, &key);
    else /* None: what only is sealed to. */
        error = ovseal_key_recipient("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", &key);
    free(bytes);
    check(error);
    return key;
}

static ovseal_open_options *make_options(const char *publisher, const char *name, const char *version) {
    int any = !strcmp(publisher, "-");
    ovseal_open_options *options;
    check(ovseal_open_options_new(any ? OVSEAL_TRUST_ANY_SENDER : OVSEAL_TRUST_PUBLISHERS, &options));
    if (!any) {
        char *pem = read_text(publisher);
        ovseal_publisher *trusted = NULL;
        ovseal_error *error = ovseal_publisher_parse(pem, &trusted);
        free(pem);
        check(error);
        check(ovseal_open_options_add_publisher(options, trusted));
        ovseal_publisher_free(trusted);
    }
    if (strcmp(name, "-"))
        check(ovseal_open_options_set_name(options, name));
    if (strcmp(version, "-"))
        check(ovseal_open_options_set_min_security_version(options, strtoull(version, NULL, 10)));
    return options;
}

static void write_part(const ovseal_part *part, const char *folder, size_t number) {
    size_t length = (size_t)ovseal_part_length(part);
    uint8_t *bytes = malloc(length + 1);
    check(ovseal_part_read(part, bytes, length));
    char path[4096];
    snprintf(path, sizeof path, "%s/%zu", folder, number);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, length, file) != length)
        exit(100);
    fclose(file);
    free(bytes);
}

int main(int count, char **arguments) {
    if (count != 8)
        return 100;
    ovseal_key *key = make_key(arguments[2], arguments[3]);
    ovseal_open_options *options = make_options(arguments[4], arguments[5], arguments[6]);
    ovseal_opened *opened;
    check(ovseal_open(arguments[1], key, options, &opened));
    ovseal_key_free(key);
    ovseal_open_options_free(options);
    for (size_t i = 0; i < ovseal_opened_part_count(opened); ++i) {
        ovseal_part *part;
        check(ovseal_opened_part_by_number(opened, i, &part));
        write_part(part, arguments[7], i);
        printf("part %s %s", ovseal_part_kind(part), ovseal_part_path(part));
        for (size_t j = 0; j < ovseal_part_companion_count(part); ++j)
            printf("\t%zu", ovseal_part_companion(part, j));
        printf("\n");
        ovseal_part_free(part);
    }
    printf("model %llu %s\n", (unsigned long long)ovseal_opened_security_version(opened), ovseal_opened_name(opened));
    ovseal_opened_free(opened);
    return 0;
}
