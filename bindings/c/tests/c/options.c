/* Structs that begin with their size, and invalid options: options MODEL CONTAINER DIR
 *
 * CONTAINER is sealed to the key file of 32 bytes of 7. */

#include "expect.h"

#include <stddef.h>

#define REJECTED(call) FAILS(call, OVSEAL_CODE_BAD_ARGUMENT)

static const char *model, *container;
static const ovseal_key *key;
static ovseal_opened *opened_container;
static ovseal_cache *cache;

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

/* Frees an error that occurs only after the arguments were accepted. */
static ovseal_error *unless(ovseal_error *error, uint32_t code) {
    if (ovseal_error_code(error) != code)
        return error;
    ovseal_error_free(error);
    return NULL;
}

/* This program has not loaded OpenVINO, so an accepted compilation has no slot. */
static ovseal_error *find_with(const void *compilation) {
    ovseal_cache_slot *slot = NULL;
    ovseal_error *error = ovseal_cache_find(cache, opened_container, compilation, &slot);
    ovseal_cache_slot_free(slot);
    return unless(error, 100);
}

static int read_nothing(void *context, uint64_t offset, uint8_t *buffer, size_t length) {
    (void)context, (void)offset, (void)buffer, (void)length;
    return 5;
}

/* A source whose reads all fail. */
static ovseal_error *source_with(const void *source) {
    ovseal_open_options options = OVSEAL_OPEN_OPTIONS_INIT;
    options.trust = OVSEAL_TRUST_ANY_SENDER;
    ovseal_opened *opened = NULL;
    ovseal_error *error = ovseal_open_source(source, key, &options, &opened);
    ovseal_opened_free(opened);
    return unless(error, OVSEAL_CODE_READ);
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
    /* No version had fewer members, and the missing ones would be dropped silently. */
    for (size_t size = sizeof size; size < length; size += sizeof size)
        REJECTED(with_size(call, options, length, size, 0));
    /* A newer caller may set only members that this library knows. */
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
    /* With a decision about pending stanzas, rekeying need not add or remove anything. */
    ovseal_rekey_options rekey = OVSEAL_REKEY_OPTIONS_INIT;
    rekey.trust = OVSEAL_TRUST_ANY_SENDER;
    rekey.flags = OVSEAL_REKEY_DISCARD_WAITING;
    every_size(rekey_with, &rekey, sizeof rekey);
    const ovseal_compilation compilation = {sizeof compilation, NULL, "CPU", NULL, 0, "1", NULL, 0};
    every_size(find_with, &compilation, sizeof compilation);
    const ovseal_source source = {sizeof source, NULL, 1 << 20, read_nothing, NULL};
    every_size(source_with, &source, sizeof source);
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
    seal.flags = 0;
    const ovseal_publisher_key *no_signer = NULL;
    seal.publisher_keys = &no_signer;
    seal.publisher_key_count = 1;
    REJECTED(ovseal_seal("missing", "output", &seal, NULL));
    seal.publisher_key_count = 0;
    seal.recipient_count = 1;
    REJECTED(ovseal_seal("missing", "output", &seal, NULL));

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
    rekey.flags = 0;
    rekey.remove_stanza_count = 1;
    REJECTED(rekey_with(&rekey));
}

/* Every required member of a compilation, and every array with a number and no items. */
static void compilations(void) {
    const char *text = "text";
    for (int missing = 0; missing < 9; ++missing) {
#define UNLESS(number, value) (missing == number ? NULL : (value))
        const ovseal_property property = {UNLESS(0, text), UNLESS(1, text)};
        const ovseal_plugin plugin = {UNLESS(2, text), UNLESS(3, text), UNLESS(4, text), UNLESS(5, &property), 1};
        const ovseal_compilation compilation = {
            sizeof compilation, NULL, UNLESS(6, "CPU"), &property, 1, UNLESS(7, "1"), UNLESS(8, &plugin), 1,
        };
        REJECTED(find_with(&compilation));
    }
    const ovseal_compilation compilation = {sizeof compilation, NULL, "CPU", NULL, 1, "1", NULL, 0};
    REJECTED(find_with(&compilation));
}

int main(int count, char **arguments) {
    EXPECT(count == 4);
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
    ovseal_open_options any = OVSEAL_OPEN_OPTIONS_INIT;
    any.trust = OVSEAL_TRUST_ANY_SENDER;
    DONE(ovseal_open(container, key, &any, &opened_container));
    char secret[4096];
    snprintf(secret, sizeof secret, "%s.secret", arguments[3]);
    DONE(ovseal_cache_open(arguments[3], secret, 0, &cache));
    sizes();
    choices(publisher);
    compilations();
    ovseal_cache_free(cache);
    ovseal_opened_free(opened_container);
    ovseal_key_free(keyfile);
    ovseal_publisher_key_free(signer);
    ovseal_publisher_free(publisher);
    return 0;
}
