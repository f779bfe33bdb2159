
/* Initializers for structs that begin with their size. Every other member is 0 or NULL. */
#define OVSEAL_KEY_SERVICE_INIT {sizeof(ovseal_key_service), NULL, NULL, NULL, NULL, NULL, NULL}
#define OVSEAL_SOURCE_INIT {sizeof(ovseal_source), NULL, 0, NULL, NULL}
#define OVSEAL_SEAL_OPTIONS_INIT \
    {sizeof(ovseal_seal_options), 0, 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL, NULL}
#define OVSEAL_OPEN_OPTIONS_INIT \
    {sizeof(ovseal_open_options), 0, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL}
#define OVSEAL_REKEY_OPTIONS_INIT \
    {sizeof(ovseal_rekey_options), 0, 0, NULL, 0, NULL, 0, NULL, 0, NULL, NULL}
#define OVSEAL_PROTECTIONS_INIT {sizeof(ovseal_protections), 0, 0, 0, 0, 0, 0, 0, 0}
#define OVSEAL_COMPILATION_INIT {sizeof(ovseal_compilation), NULL, NULL, NULL, 0, NULL, NULL, 0}
