/* Tests the C interface without OpenVINO: tour MODEL.xml DIR */

#include "expect.h"

#include <stdatomic.h>
#include <stddef.h>

static char place[4096];
static const char *in(const char *directory, const char *name) {
    snprintf(place, sizeof place, "%s/%s", directory, name);
    return place;
}

/* A key service that flips every bit. */
static int is_down;
static int released;

static int wrap(void *context, const uint8_t *secret, uint8_t *wrapped, size_t *length, char *message) {
    if (*(int *)context) {
        strcpy(message, "the vault is closed");
        return 7;
    }
    for (*length = 0; *length < 32; ++*length)
        wrapped[*length] = (uint8_t)~secret[*length];
    return OVSEAL_SERVICE_DONE;
}

static int unwrap(void *context, const uint8_t *wrapped, size_t length, uint8_t *secret, char *message) {
    size_t same;
    if (length != 32)
        return OVSEAL_SERVICE_NOT_MINE;
    return wrap(context, wrapped, secret, &same, message);
}

static int wrap_for(void *context, const ovseal_service_context *container, const uint8_t *secret, uint8_t *wrapped,
                    size_t *length, char *message) {
    EXPECT(container->size == sizeof *container);
    /* The bound ids come first. */
    memcpy(wrapped, container->container_id, 32);
    memcpy(wrapped + 32, container->model_id, 32);
    int answer = wrap(context, secret, wrapped + 64, length, message);
    *length += 64;
    return answer;
}

static int unwrap_for(void *context, const ovseal_service_context *container, const uint8_t *wrapped, size_t length,
                      uint8_t *secret, char *message) {
    if (length != 96 || memcmp(wrapped, container->container_id, 32) || memcmp(wrapped + 32, container->model_id, 32))
        return OVSEAL_SERVICE_NOT_MINE;
    return unwrap(context, wrapped + 64, length - 64, secret, message);
}

static void release(void *context) {
    (void)context;
    ++released;
}

/* The size of the struct before wrap_for was added. */
static const size_t first_members = offsetof(ovseal_key_service, wrap_for);

static ovseal_key *service_key(void) {
    const ovseal_key_service service = {first_members, &is_down, wrap, unwrap, release, NULL, NULL};
    ovseal_key *key;
    const ovseal_key_service broken[] = {
        {sizeof service, NULL, NULL, unwrap, release, NULL, NULL},
        {sizeof service, NULL, wrap, NULL, release, NULL, NULL},
        {sizeof service - 1, NULL, wrap, unwrap, release, NULL, NULL},
        {first_members - sizeof(void *), NULL, wrap, unwrap, release, NULL, NULL},
        {first_members, NULL, NULL, NULL, release, wrap_for, unwrap_for},
    };
    for (int i = 0; i < 5; ++i)
        FAILS(ovseal_key_from_service(&broken[i], &key), OVSEAL_CODE_BAD_ARGUMENT);
    FAILS(ovseal_key_from_service(NULL, &key), OVSEAL_CODE_BAD_ARGUMENT);
    /* The library does not read beyond the stated size. */
    ovseal_key_service *old = malloc(first_members);
    memcpy(old, &service, first_members);
    DONE(ovseal_key_from_service(old, &key));
    free(old);
    return key;
}

static ovseal_key *told_service_key(void) {
    const ovseal_key_service service = {sizeof service, &is_down, NULL, NULL, release, wrap_for, unwrap_for};
    ovseal_key *key;
    DONE(ovseal_key_from_service(&service, &key));
    return key;
}

static ovseal_key *passphrase(const char *text) {
    ovseal_key *key;
    DONE(ovseal_key_passphrase((const uint8_t *)text, strlen(text), &key));
    return key;
}

static atomic_ulong counted;

static bool count_bytes(void *context, uint64_t bytes) {
    (void)context;
    atomic_fetch_add(&counted, bytes);
    return true;
}

static bool cancel(void *context, uint64_t bytes) {
    (void)context, (void)bytes;
    return false;
}

static void seal(const char *model, const char *output, const ovseal_key *key, const ovseal_publisher_key *publisher) {
    ovseal_seal_options options = OVSEAL_SEAL_OPTIONS_INIT;
    uint64_t length = 0;
    FAILS(ovseal_seal(model, output, &options, &length), OVSEAL_CODE_NO_RECIPIENT);
    options.recipients = &key;
    options.recipient_count = 1;
    options.name = "tour";
    options.security_version = 3;
    options.progress = cancel;
    FAILS(ovseal_seal(model, output, &options, &length), OVSEAL_CODE_CANCELLED);
    EXPECT(length == 0 && fopen(output, "rb") == NULL);
    options.progress = count_bytes;
    options.publisher_keys = &publisher;
    options.publisher_key_count = 1;
    counted = 0;
    DONE(ovseal_seal(model, output, &options, &length));
    EXPECT(length > counted && counted > 0);
    FAILS(ovseal_seal(model, output, &options, &length), OVSEAL_CODE_EXISTS);
}

static ovseal_error *open_with(const char *file, const ovseal_key *key, const ovseal_publisher *publisher,
                               const char *state, ovseal_opened **opened) {
    const ovseal_trusted_publisher trusted = {publisher, NULL};
    ovseal_open_options options = OVSEAL_OPEN_OPTIONS_INIT;
    options.trust = publisher ? OVSEAL_TRUST_PUBLISHERS : OVSEAL_TRUST_ANY_SENDER;
    options.publishers = &trusted;
    options.publisher_count = publisher ? 1 : 0;
    options.rollback_state = state;
    options.progress = count_bytes;
    return ovseal_open(file, key, &options, opened);
}

static void parts(const ovseal_opened *opened, const char *model) {
    char weights[4096];
    snprintf(weights, sizeof weights, "%.*s.bin", (int)strlen(model) - 4, model);
    FILE *file = fopen(weights, "rb");
    EXPECT(file);
    fseek(file, 0, SEEK_END);
    size_t length = (size_t)ftell(file);
    uint8_t *plain = malloc(length), *read = malloc(length);
    rewind(file);
    EXPECT(fread(plain, 1, length, file) == length);
    fclose(file);

    ovseal_part *part = NULL;
    FAILS(ovseal_opened_part(opened, "nothing", &part), OVSEAL_CODE_NO_SUCH_PART);
    FAILS(ovseal_opened_part_by_number(opened, 2, &part), OVSEAL_CODE_NO_SUCH_PART);
    FAILS(ovseal_opened_compiled_part(opened, NULL, &part), OVSEAL_CODE_NOT_A_MODEL);
    FAILS(ovseal_opened_compiled_part(opened, "model.bin", &part), OVSEAL_CODE_NOT_A_MODEL);
    FAILS(ovseal_opened_compiled_part(opened, "nothing", &part), OVSEAL_CODE_NO_SUCH_PART);
    EXPECT(part == NULL && ovseal_opened_part_count(opened) == 2);
    DONE(ovseal_opened_part(opened, "model.bin", &part));
    EXPECT(!strcmp(ovseal_part_kind(part), "weights") && ovseal_part_length(part) == length);
    counted = 0;
    DONE(ovseal_part_read(part, read, length));
    EXPECT(!memcmp(plain, read, length) && counted == length);
    FAILS(ovseal_part_read(part, read, length - 1), OVSEAL_CODE_OUT_OF_RANGE);
    memset(read, 0, length);
    DONE(ovseal_part_read_range(part, 1000, read, 70000));
    EXPECT(!memcmp(plain + 1000, read, 70000) && read[70000] == 0);
    FAILS(ovseal_part_read_range(part, length, read, 1), OVSEAL_CODE_OUT_OF_RANGE);

    ovseal_mapping *mapping, *other;
    DONE(ovseal_part_map(part, &mapping));
    ovseal_part_free(part);
    EXPECT(ovseal_mapping_length(mapping) == length && !memcmp(ovseal_mapping_data(mapping), plain, length));
    if (ovseal_mapping_release(mapping))
        EXPECT(ovseal_mapping_resident_bytes(mapping) == 0);
    DONE(ovseal_mapping_share(mapping, &other));
    ovseal_mapping_free(mapping);
    ovseal_populated *populated;
    DONE(ovseal_mapping_populate(other, &populated));
    EXPECT(ovseal_mapping_resident_bytes(other) >= length);
    EXPECT(!memcmp(ovseal_mapping_data(other), plain, length));
    ovseal_mapping_free(other);
    ovseal_populated_free(populated);
    free(plain);
    free(read);
}

static void requirements(const char *container, const char *directory, const ovseal_key *key, const ovseal_publisher *acme,
                         const ovseal_publisher *other) {
    ovseal_opened *opened = NULL;
    char state[4096];
    snprintf(state, sizeof state, "%s/state", directory);
    FAILS(open_with(container, key, other, NULL, &opened), OVSEAL_CODE_UNTRUSTED);
    FAILS(open_with(container, key, NULL, state, &opened), OVSEAL_CODE_NO_PUBLISHER);
    FAILS(open_with(container, key, acme, state, &opened), OVSEAL_CODE_ROLLBACK);
    DONE(ovseal_rollback_state_create(state));
    EXPECT(opened == NULL);
    DONE(open_with(container, key, acme, state, &opened));
    EXPECT(!strcmp(ovseal_opened_publisher(opened), ovseal_publisher_id(acme)));
    EXPECT(!strcmp(ovseal_opened_claimed_publisher(opened, 0), ovseal_publisher_id(acme)));
    EXPECT(!ovseal_opened_claimed_publisher(opened, 1));
    EXPECT(!strcmp(ovseal_opened_name(opened), "tour") && ovseal_opened_security_version(opened) == 3);
    EXPECT(strlen(ovseal_opened_container_id(opened)) == 64 && ovseal_opened_stanza(opened) == 0);
    EXPECT(!strcmp(ovseal_opened_hint_name(opened, 0), "producer") && ovseal_opened_hint_value(opened, 0));
    DONE(ovseal_opened_accept(opened));
    ovseal_opened_free(opened);
}

static void without_key(const char *container, const ovseal_publisher *acme) {
    const ovseal_trusted_publisher trusted = {acme, NULL};
    ovseal_open_options options = OVSEAL_OPEN_OPTIONS_INIT;
    ovseal_verification *verification = NULL;
    FAILS(ovseal_verify(container, NULL, &options, &verification), OVSEAL_CODE_NO_PUBLISHER);
    options.publishers = &trusted;
    options.publisher_count = 1;
    uint64_t least = 4;
    options.min_security_version = &least;
    FAILS(ovseal_verify(container, NULL, &options, &verification), OVSEAL_CODE_SECURITY_VERSION);
    least = 3;
    DONE(ovseal_verify(container, NULL, &options, &verification));
    EXPECT(!strcmp(ovseal_verification_publisher(verification), ovseal_publisher_id(acme)));
    EXPECT(ovseal_verification_security_version(verification) == 3);
    EXPECT(!ovseal_verification_content_verified(verification));
    EXPECT(ovseal_verification_claimed_publisher(verification, 0));
    ovseal_verification_free(verification);

    ovseal_inspection *inspection;
    DONE(ovseal_inspect(container, &inspection));
    EXPECT(!strcmp(ovseal_inspection_stanza(inspection, 0), "passphrase") && !ovseal_inspection_stanza(inspection, 1));
    EXPECT(ovseal_inspection_stanza_is_post_quantum(inspection, 0) == 1);
    EXPECT(ovseal_inspection_stanza_is_post_quantum(inspection, 1) == -1);
    EXPECT(ovseal_inspection_part_count(inspection) == 2 && ovseal_inspection_part_length(inspection, 1) > 0);
    EXPECT(ovseal_inspection_generation(inspection) == 1 && ovseal_inspection_security_version(inspection) == 3);
    EXPECT(!strcmp(ovseal_inspection_publisher(inspection, 0), ovseal_publisher_id(acme)));
    EXPECT(!ovseal_inspection_side_stanza(inspection, 0));
    ovseal_inspection_free(inspection);
}

/* Pending stanzas next to the container, limits, and publishers trusted for one model. */
static void decisions(const char *container, const ovseal_key *key, const ovseal_publisher *acme) {
    const ovseal_trusted_publisher trusted[] = {{acme, "other"}, {acme, "tour"}};
    ovseal_open_options options = OVSEAL_OPEN_OPTIONS_INIT;
    ovseal_opened *opened = NULL;
    options.publishers = trusted;
    options.publisher_count = 1;
    FAILS(ovseal_open(container, key, &options, &opened), OVSEAL_CODE_UNTRUSTED);
    options.publisher_count = 2;
    uint32_t mib = 255;
    options.kdf_limit = &mib;
    FAILS(ovseal_open(container, key, &options, &opened), OVSEAL_CODE_KDF_LIMIT);
    mib = 256;
    const uint64_t budget = 1 << 16;
    options.memory_budget = &budget;
    DONE(ovseal_open(container, key, &options, &opened));
    ovseal_opened_free(opened);

    char waiting[4096];
    snprintf(waiting, sizeof waiting, "%s.rekey", container);
    FILE *file = fopen(waiting, "wb");
    EXPECT(file && fputs("something", file) >= 0 && fclose(file) == 0);
    ovseal_key *told = told_service_key();
    const ovseal_key *added = told;
    ovseal_rekey_options changes = OVSEAL_REKEY_OPTIONS_INIT;
    ovseal_rekeyed rekeyed = {0, 0};
    changes.trust = OVSEAL_TRUST_ANY_SENDER;
    changes.add_recipients = &added;
    changes.add_recipient_count = 1;
    FAILS(ovseal_rekey(container, key, &changes, &rekeyed), OVSEAL_CODE_NOT_AUTHENTIC);
    changes.flags = OVSEAL_REKEY_FINISH_WAITING;
    FAILS(ovseal_rekey(container, key, &changes, &rekeyed), OVSEAL_CODE_NOT_AUTHENTIC);
    changes.flags = OVSEAL_REKEY_DISCARD_WAITING;
    mib = 255;
    changes.kdf_limit = &mib;
    FAILS(ovseal_rekey(container, key, &changes, &rekeyed), OVSEAL_CODE_KDF_LIMIT);
    mib = 256;
    DONE(ovseal_rekey(container, key, &changes, &rekeyed));
    EXPECT(rekeyed.generation == 3 && rekeyed.stanzas == 4 && fopen(waiting, "rb") == NULL);
    DONE(open_with(container, told, acme, NULL, &opened));
    ovseal_opened_free(opened);
    ovseal_key_free(told);
}

static void other_keys(const char *container, const ovseal_key *key) {
    ovseal_secret *identity, *recipient;
    DONE(ovseal_identity_generate(&identity, &recipient));
    char text[4096];
    EXPECT(ovseal_secret_length(recipient) < sizeof text);
    snprintf(text, sizeof text, "%.*s", (int)ovseal_secret_length(recipient), (const char *)ovseal_secret_data(recipient));
    ovseal_key *to, *with, *service = service_key(), *opener = NULL;
    DONE(ovseal_key_recipient(text, &to));
    FAILS(ovseal_key_recipient("AGE-SECRET-KEY-1", &opener), OVSEAL_CODE_BAD_KEY);
    ovseal_error *shown = ovseal_key_identities_at("AGE-SECRET-KEY-1QQQQ", &opener);
    EXPECT(!strstr(ovseal_error_message(shown), "QQQQ") && ovseal_error_cause_count(shown) == 0);
    FAILS(shown, OVSEAL_CODE_BAD_KEY);
    DONE(ovseal_key_identities(ovseal_secret_data(identity), ovseal_secret_length(identity), &with));
    ovseal_secret_free(identity);
    ovseal_secret_free(recipient);

    ovseal_opened *opened = NULL;
    FAILS(open_with(container, with, NULL, NULL, &opened), OVSEAL_CODE_NO_KEY_FITS);
    const ovseal_key *added[] = {to, service};
    ovseal_rekey_options options = OVSEAL_REKEY_OPTIONS_INIT;
    ovseal_rekeyed rekeyed = {0, 0};
    FAILS(ovseal_rekey(container, key, &options, &rekeyed), OVSEAL_CODE_USAGE);
    options.add_recipients = added;
    options.add_recipient_count = 2;
    FAILS(ovseal_rekey(container, key, &options, &rekeyed), OVSEAL_CODE_NO_PUBLISHER);
    options.trust = OVSEAL_TRUST_SHARED_SECRET;
    FAILS(ovseal_rekey(container, with, &options, &rekeyed), OVSEAL_CODE_NO_KEY_FITS);
    is_down = 1;
    ovseal_error *error = ovseal_rekey(container, key, &options, &rekeyed);
    EXPECT(ovseal_error_cause_count(error) == 1 && !strcmp(ovseal_error_cause(error, 0), "the vault is closed"));
    FAILS(error, OVSEAL_CODE_KEY_HOLDER);
    is_down = 0;
    EXPECT(rekeyed.generation == 0);
    uint64_t seen = 0;
    options.expected_generation = &seen;
    FAILS(ovseal_rekey(container, key, &options, &rekeyed), OVSEAL_CODE_BUSY);
    seen = 1;
    DONE(ovseal_rekey(container, key, &options, &rekeyed));
    EXPECT(rekeyed.generation == 2 && rekeyed.stanzas == 3);
    /* Now it is also sealed to a public key, so a sender must be specified. */
    options.expected_generation = NULL;
    FAILS(ovseal_rekey(container, key, &options, &rekeyed), OVSEAL_CODE_SENDER_NOT_NAMED);
    ovseal_open_options shared = OVSEAL_OPEN_OPTIONS_INIT;
    shared.trust = OVSEAL_TRUST_SHARED_SECRET;
    FAILS(ovseal_open(container, key, &shared, &opened), OVSEAL_CODE_SENDER_NOT_NAMED);

    DONE(ovseal_key_join(with, service, &opener));
    const ovseal_key *all[] = {to, with, service, opener};
    FAILS(open_with(container, to, NULL, NULL, &opened), OVSEAL_CODE_NO_KEY_FITS);
    for (int i = 1; i < 4; ++i) {
        DONE(open_with(container, all[i], NULL, NULL, &opened));
        ovseal_opened_free(opened);
    }
    is_down = 1;
    FAILS(open_with(container, service, NULL, NULL, &opened), OVSEAL_CODE_KEY_HOLDER);
    is_down = 0;
    ovseal_key_free(to);
    ovseal_key_free(with);
    ovseal_key_free(service);
    EXPECT(released == 0);
    ovseal_key_free(opener);
    EXPECT(released == 1);
}

/* A container in memory. */
struct bytes {
    uint8_t *data;
    int is_broken;
};

static int read_bytes(void *context, uint64_t offset, uint8_t *buffer, size_t length) {
    const struct bytes *bytes = context;
    if (bytes->is_broken)
        return 5;
    memcpy(buffer, bytes->data + offset, length);
    return 0;
}

static void from_memory(const char *container, const ovseal_key *key) {
    FILE *file = fopen(container, "rb");
    struct bytes bytes = {malloc(1 << 20), 0};
    uint64_t length = fread(bytes.data, 1, 1 << 20, file);
    fclose(file);
    ovseal_open_options options = OVSEAL_OPEN_OPTIONS_INIT;
    options.trust = OVSEAL_TRUST_ANY_SENDER;
    ovseal_source source = {sizeof source, &bytes, length, read_bytes, release};
    ovseal_opened *opened = NULL;
    released = 0;
    DONE(ovseal_open_source(&source, key, &options, &opened));
    EXPECT(released == 0);
    ovseal_opened_free(opened);
    EXPECT(released == 1);
    bytes.is_broken = 1;
    FAILS(ovseal_open_source(&source, key, &options, &opened), OVSEAL_CODE_READ);
    bytes.is_broken = 0;
    source.length = length - 1;
    FAILS(ovseal_open_source(&source, key, &options, &opened), OVSEAL_CODE_TRUNCATED);
    EXPECT(released == 3);
    free(bytes.data);
}

int main(int count, char **arguments) {
    EXPECT(count == 3);
    const char *model = arguments[1];
    char container[4096];
    snprintf(container, sizeof container, "%s", in(arguments[2], "tour.ovseal"));
    ovseal_publisher_key *acme_key;
    ovseal_publisher *acme, *other;
    DONE(ovseal_publisher_key_generate(&acme_key));
    DONE(ovseal_publisher_key_public(acme_key, &acme));
    ovseal_secret *pem;
    DONE(ovseal_publisher_key_encode(acme_key, &pem));
    ovseal_publisher_key *again = NULL;
    FAILS(ovseal_publisher_key_parse(ovseal_publisher_pem(acme), &again), OVSEAL_CODE_BAD_KEY);
    char text[1024];
    snprintf(text, sizeof text, "%.*s", (int)ovseal_secret_length(pem), (const char *)ovseal_secret_data(pem));
    DONE(ovseal_publisher_key_parse(text, &again));
    ovseal_secret_free(pem);
    DONE(ovseal_publisher_parse(ovseal_publisher_pem(acme), &other));
    EXPECT(!strcmp(ovseal_publisher_id(other), ovseal_publisher_id(acme)));
    ovseal_publisher_free(other);
    ovseal_publisher_key_free(acme_key);
    DONE(ovseal_publisher_key_generate(&acme_key));
    DONE(ovseal_publisher_key_public(acme_key, &other));

    ovseal_key *key = passphrase("correct horse"), *wrong = passphrase("battery staple");
    seal(model, container, key, again);
    ovseal_opened *opened = NULL;
    FAILS(open_with(container, wrong, acme, NULL, &opened), OVSEAL_CODE_NO_KEY_FITS);
    DONE(open_with(container, key, acme, NULL, &opened));
    parts(opened, model);
    ovseal_opened_free(opened);
    requirements(container, arguments[2], key, acme, other);
    without_key(container, acme);
    other_keys(container, key);
    decisions(container, key, acme);
    from_memory(container, key);

    ovseal_protections found = OVSEAL_PROTECTIONS_INIT;
    DONE(ovseal_protections_read(&found));
    EXPECT(found.secret_memory || found.locked_memory || found.keys_may_be_swapped);
    EXPECT(strlen(ovseal_version()) > 0);
    ovseal_key_free(key);
    ovseal_key_free(wrong);
    ovseal_publisher_free(acme);
    ovseal_publisher_free(other);
    ovseal_publisher_key_free(acme_key);
    ovseal_publisher_key_free(again);
    return 0;
}
