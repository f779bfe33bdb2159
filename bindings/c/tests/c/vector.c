/* Opens a vector and reads its parts: vector CONTAINER KEY VALUE PUBLISHER NAME VERSION DIR
 *
 * KEY is none, passphrase, keyfile or identity, and VALUE is hexadecimal. A "-" stands for an
 * omitted argument. Writes the content of part N to DIR/N. Prints the code of a failure, and exits
 * with its kind. */

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
    else /* No key: one that opens nothing. */
        error = ovseal_key_recipient("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", &key);
    free(bytes);
    check(error);
    return key;
}

static ovseal_publisher *read_publisher(const char *path) {
    char *pem = read_text(path);
    ovseal_publisher *publisher = NULL;
    ovseal_error *error = ovseal_publisher_parse(pem, &publisher);
    free(pem);
    check(error);
    return publisher;
}

static ovseal_opened *open_container(const char *container, const ovseal_key *key, const char *publisher, const char *name,
                                     const char *version) {
    ovseal_publisher *acme = strcmp(publisher, "-") ? read_publisher(publisher) : NULL;
    const ovseal_trusted_publisher trusted = {acme, NULL};
    const uint64_t least = strtoull(version, NULL, 10);
    ovseal_open_options options = OVSEAL_OPEN_OPTIONS_INIT;
    options.trust = acme ? OVSEAL_TRUST_PUBLISHERS : OVSEAL_TRUST_ANY_SENDER;
    options.publishers = &trusted;
    options.publisher_count = acme ? 1 : 0;
    options.name = strcmp(name, "-") ? name : NULL;
    options.min_security_version = strcmp(version, "-") ? &least : NULL;
    ovseal_opened *opened;
    check(ovseal_open(container, key, &options, &opened));
    ovseal_publisher_free(acme);
    return opened;
}

static void write_part(const ovseal_part *part, const char *directory, size_t number) {
    size_t length = (size_t)ovseal_part_length(part);
    uint8_t *bytes = malloc(length + 1);
    check(ovseal_part_read(part, bytes, length));
    char path[4096];
    snprintf(path, sizeof path, "%s/%zu", directory, number);
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
    ovseal_opened *opened = open_container(arguments[1], key, arguments[4], arguments[5], arguments[6]);
    ovseal_key_free(key);
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
