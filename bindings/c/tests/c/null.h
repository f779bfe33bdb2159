/* The base of the program that tests/null.rs generates: objects of each type, and checks. */

#include <ovseal/ovseal.h>

#include <stdio.h>
#include <stdlib.h>

static ovseal_cache *a_cache;
static ovseal_error *a_error;
static ovseal_inspection *a_inspection;
static ovseal_key *a_key;
static ovseal_mapping *a_mapping;
static ovseal_network *a_network;
static ovseal_opened *a_opened;
static ovseal_part *a_part;
static ovseal_populated *a_populated;
static ovseal_publisher *a_publisher;
static ovseal_publisher_key *a_publisher_key;
static ovseal_plan *a_plan;
static ovseal_secret *a_secret;
static ovseal_verification *a_verification;
/* Creating one requires OpenVINO. NULL will do, because the functions check this argument first. */
static ovseal_cache_slot *a_cache_slot;

static ovseal_property properties[1] = {{"NUM_STREAMS", "1"}};
static ovseal_property *a_property = properties;
static ovseal_rekeyed rekeyed;
static ovseal_rekeyed *a_rekeyed = &rekeyed;
static ovseal_protections protections = OVSEAL_PROTECTIONS_INIT;
static ovseal_protections *a_protections = &protections;
static ovseal_key_service key_service = OVSEAL_KEY_SERVICE_INIT;
static ovseal_key_service *a_key_service = &key_service;
static ovseal_open_options open_options = OVSEAL_OPEN_OPTIONS_INIT;
static ovseal_open_options *a_open_options = &open_options;
static ovseal_rekey_options rekey_options = OVSEAL_REKEY_OPTIONS_INIT;
static ovseal_rekey_options *a_rekey_options = &rekey_options;
static ovseal_seal_options seal_options = OVSEAL_SEAL_OPTIONS_INIT;
static ovseal_seal_options *a_seal_options = &seal_options;
static ovseal_compilation compilation = OVSEAL_COMPILATION_INIT;
static ovseal_compilation *a_compilation = &compilation;

static int read_nothing(void *context, uint64_t offset, uint8_t *buffer, size_t length) {
    (void)context, (void)offset, (void)buffer, (void)length;
    return 1;
}

static ovseal_source source = {.size = sizeof(ovseal_source), .length = 1, .read = read_nothing};
static ovseal_source *a_source = &source;

static uint8_t bytes[32];
/* The destinations of results. */
static void *place = bytes;
static int calls;

#define FAIL(call) (fprintf(stderr, "%s\n", call), exit(1))

static inline void refused(ovseal_error *error, const char *call) {
    ++calls;
    if (ovseal_error_code(error) != OVSEAL_CODE_BAD_ARGUMENT || place != bytes)
        FAIL(call);
    ovseal_error_free(error);
}

#define REFUSED(call) refused(call, #call)
#define RETURNS(call) (++calls, call)
#define NEUTRAL(call, value) ((call) == (value) ? (void)++calls : FAIL(#call))

static void check(ovseal_error *error) {
    if (error)
        FAIL(ovseal_error_message(error));
}

static void set_up(int count, char **arguments) {
    const char *container = count > 1 ? arguments[1] : "";
    for (size_t i = 0; i < sizeof bytes; ++i)
        bytes[i] = 7;
    check(ovseal_key_keyfile(bytes, sizeof bytes, &a_key));
    open_options.trust = OVSEAL_TRUST_ANY_SENDER;
    check(ovseal_open(container, a_key, a_open_options, &a_opened));
    check(ovseal_opened_part(a_opened, "model.bin", &a_part));
    check(ovseal_part_map(a_part, &a_mapping));
    check(ovseal_mapping_populate(a_mapping, &a_populated));
    check(ovseal_inspect(container, &a_inspection));
    check(ovseal_verify(container, NULL, a_open_options, &a_verification));
    check(ovseal_network_decrypt(a_opened, NULL, "CPU", OVSEAL_OPENING_AUTO, &a_network));
    check(ovseal_publisher_key_generate(&a_publisher_key));
    check(ovseal_publisher_key_public(a_publisher_key, &a_publisher));
    check(ovseal_publisher_key_encode(a_publisher_key, &a_secret));
    check(ovseal_seal_plan(container, a_seal_options, &a_plan));
    char directory[4096];
    snprintf(directory, sizeof directory, "%s.cache", container);
    check(ovseal_cache_open(directory, NULL, 0, &a_cache));
    a_error = ovseal_key_keyfile(bytes, 31, (ovseal_key **)&place);
    if (ovseal_error_code(a_error) != OVSEAL_CODE_BAD_KEY || place != bytes)
        FAIL("a key file of 31 bytes");
}

static int finish(void) {
    ovseal_cache_free(a_cache);
    ovseal_cache_slot_free(a_cache_slot);
    ovseal_error_free(a_error);
    ovseal_inspection_free(a_inspection);
    ovseal_key_free(a_key);
    ovseal_populated_free(a_populated);
    ovseal_mapping_free(a_mapping);
    ovseal_network_free(a_network);
    ovseal_opened_free(a_opened);
    ovseal_part_free(a_part);
    ovseal_plan_free(a_plan);
    ovseal_publisher_free(a_publisher);
    ovseal_publisher_key_free(a_publisher_key);
    ovseal_secret_free(a_secret);
    ovseal_verification_free(a_verification);
    (void)a_property, (void)a_rekeyed, (void)a_protections, (void)a_key_service, (void)a_source, (void)a_compilation;
    printf("%d\n", calls);
    return 0;
}
