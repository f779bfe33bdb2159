/* Structs that begin with their size, and options that make no sense: options MODEL CONTAINER
 *
 * CONTAINER is sealed to the key file of 32 bytes of 7. */

#include "expect.h"

#include <stddef.h>

#define REJECTED(call) FAILS(call, OVSEAL_CODE_BAD_ARGUMENT)

static const char *model, *container;
static const ovseal_key *key;

/* Calls the function that takes a kind of options. */
static ovseal_error *open_with(const void *options) {
    ovseal_opened *opened = NULL;
    ovseal_error *error = ovseal_open(container, key, options, &opened);
    ovseal_opened_free(opened);
    return error;
}

static ovseal_error *plan_with(const void *options) {
    ovseal_plan *plan = NULL;
    ovseal_error *error = ovseal_seal_plan(model, options, &plan);
    ovseal_plan_free(plan);
    return error;
}

static ovseal_error *rekey_with(const void *options) {
    return ovseal_rekey(container, key, options, NULL);
}

/* Calls with a copy of the first `size` bytes. The sanitizer catches a memcpy beyond them. */
static ovseal_error *with_size(ovseal_error *(*call)(const void *), const void *options, size_t length, size_t size,
                               int last) {
    uint8_t *copy = calloc(1, size);
    memcpy(copy, options, length < size ? length : size);
    memcpy(copy, &size, sizeof size);
    if (last)
        copy[size - 1] = (uint8_t)last;
    ovseal_error *error = call(copy);
    free(copy);
    return error;
}

static void every_size(ovseal_error *(*call)(const void *), const void *options, size_t length) {
    DONE(call(options));
    /* A program that was compiled with an older header: the missing members are defaults. */
    for (size_t size = 2 * sizeof size; size <= length; size += sizeof size)
        DONE(with_size(call, options, length, size, 0));
    /* A newer one may set only members that this library knows. */
    for (size_t size = length + sizeof size; size <= length + 64; size += sizeof size) {
        DONE(with_size(call, options, length, size, 0));
        REJECTED(with_size(call, options, length, size, 1));
    }
    REJECTED(with_size(call, options, length, length - 1, 0));
    REJECTED(with_size(call, options, length, length + 4, 0));
    /* A size that was not set is not followed. */
    for (size_t bad = 0; bad < 3; ++bad) {
        const size_t sizes[] = {0, 4096 + sizeof bad, SIZE_MAX - 7};
        uint8_t *copy = malloc(length);
        memcpy(copy, options, length);
        memcpy(copy, &sizes[bad], sizeof bad);
        REJECTED(call(copy));
        free(copy);
    }
}

static void sizes(void) {
    ovseal_open_options open = OVSEAL_OPEN_OPTIONS_INIT;
    open.trust = OVSEAL_TRUST_ANY_SENDER;
    every_size(open_with, &open, sizeof open);
    const ovseal_seal_options seal = OVSEAL_SEAL_OPTIONS_INIT;
    every_size(plan_with, &seal, sizeof seal);
    /* With a decision about waiting stanzas, rekeying may leave everything unchanged. */
    ovseal_rekey_options rekey = OVSEAL_REKEY_OPTIONS_INIT;
    rekey.trust = OVSEAL_TRUST_ANY_SENDER;
    rekey.flags = OVSEAL_REKEY_DISCARD_WAITING;
    every_size(rekey_with, &rekey, sizeof rekey);
}

static void choices(const ovseal_publisher *publisher) {
    ovseal_open_options open = OVSEAL_OPEN_OPTIONS_INIT;
    EXPECT(failed_with(open_with(&open), OVSEAL_CODE_NO_PUBLISHER));
    open.trust = 3;
    REJECTED(open_with(&open));
    const ovseal_trusted_publisher trusted[] = {{publisher, NULL}, {NULL, "model"}};
    open.publishers = trusted;
    open.publisher_count = 1;
    for (open.trust = OVSEAL_TRUST_ANY_SENDER; open.trust <= OVSEAL_TRUST_SHARED_SECRET; ++open.trust)
        REJECTED(open_with(&open));
    open.trust = OVSEAL_TRUST_PUBLISHERS;
    EXPECT(failed_with(open_with(&open), OVSEAL_CODE_UNSIGNED));
    open.publisher_count = 2;
    REJECTED(open_with(&open));
    open.publishers = NULL;
    REJECTED(open_with(&open));
    open.publisher_count = SIZE_MAX;
    open.publishers = trusted;
    REJECTED(open_with(&open));

    ovseal_seal_options seal = OVSEAL_SEAL_OPTIONS_INIT;
    const char *patterns[] = {"*.md", "\xff"};
    seal.exclude = patterns;
    seal.exclude_count = 1;
    DONE(plan_with(&seal));
    seal.exclude_count = 2;
    REJECTED(plan_with(&seal));
    patterns[1] = NULL;
    REJECTED(plan_with(&seal));
    seal.exclude_count = 0;
    seal.flags = 64;
    REJECTED(plan_with(&seal));

    const ovseal_key *keys[] = {key, NULL};
    ovseal_rekey_options rekey = OVSEAL_REKEY_OPTIONS_INIT;
    rekey.trust = OVSEAL_TRUST_ANY_SENDER;
    rekey.add_recipients = keys;
    rekey.add_recipient_count = 2;
    REJECTED(rekey_with(&rekey));
    rekey.add_recipient_count = 0;
    rekey.flags = OVSEAL_REKEY_DISCARD_WAITING | OVSEAL_REKEY_FINISH_WAITING;
    REJECTED(rekey_with(&rekey));
    rekey.flags = 8;
    REJECTED(rekey_with(&rekey));
}

int main(int count, char **arguments) {
    EXPECT(count == 3);
    model = arguments[1];
    container = arguments[2];
    uint8_t bytes[32];
    memset(bytes, 7, sizeof bytes);
    ovseal_key *keyfile;
    ovseal_publisher_key *signer;
    ovseal_publisher *publisher;
    DONE(ovseal_key_keyfile(bytes, sizeof bytes, &keyfile));
    DONE(ovseal_publisher_key_generate(&signer));
    DONE(ovseal_publisher_key_public(signer, &publisher));
    key = keyfile;
    sizes();
    choices(publisher);
    ovseal_key_free(keyfile);
    ovseal_publisher_key_free(signer);
    ovseal_publisher_free(publisher);
    return 0;
}
