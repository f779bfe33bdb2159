/* A PKCS#11 module that forwards every call to SoftHSM, except for the fault that the file
 * OVSEAL_TEST_FAULT names. SoftHSM itself never locks a PIN, has no keypad, and never loses its
 * token in the middle of a command. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long word;
typedef word (*function)(void);
typedef word (*login)(word, word, const char *, word);
typedef word (*token_info)(word, unsigned char *);
typedef word (*sign)(word, unsigned char *, word, unsigned char *, word *);

/* CK_FUNCTION_LIST of PKCS#11 2.40, with the positions of the replaced functions. */
struct list {
    unsigned char version[2];
    function functions[68];
};
enum { TOKEN_INFO = 6, LOGIN = 18, SIGN = 43, DERIVE_KEY = 62 };

/* CK_TOKEN_INFO: the flags follow 96 bytes of text. */
enum { FLAGS = 96 };
enum { KEYPAD = 0x100, FINAL_TRY = 0x20000, LOCKED = 0x40000 };
enum { GENERAL_ERROR = 0x05, DEVICE_REMOVED = 0x32, PIN_INCORRECT = 0xA0, PIN_LOCKED = 0xA4, TOKEN_NOT_PRESENT = 0xE0 };

static struct list replaced;
static struct list *real;
static char fault[32];
static int gone;

static int is(const char *name) { return strcmp(fault, name) == 0; }

static word get_token_info(word slot, unsigned char *info) {
    if (gone) return TOKEN_NOT_PRESENT;
    word result = ((token_info)real->functions[TOKEN_INFO])(slot, info);
    word flags;
    memcpy(&flags, info + FLAGS, sizeof flags);
    if (is("last-try")) flags |= FINAL_TRY;
    if (is("locked")) flags |= LOCKED;
    if (is("keypad")) flags |= KEYPAD;
    memcpy(info + FLAGS, &flags, sizeof flags);
    return result;
}

static word log_in(word session, word user, const char *pin, word length) {
    if (is("locks")) return PIN_LOCKED;
    if (is("keypad")) {
        if (pin != NULL) return PIN_INCORRECT;
        pin = "271828";
        length = 6;
    }
    return ((login)real->functions[LOGIN])(session, user, pin, length);
}

static word derive_key(void) {
    gone = is("goes-away");
    return gone ? GENERAL_ERROR : DEVICE_REMOVED;
}

static word wrong_signature(word session, unsigned char *data, word length, unsigned char *signature, word *count) {
    word result = ((sign)real->functions[SIGN])(session, data, length, signature, count);
    if (result == 0 && signature != NULL) signature[0] ^= 1;
    return result;
}

word C_GetFunctionList(struct list **list) {
    FILE *file = fopen(getenv("OVSEAL_TEST_FAULT"), "r");
    if (file == NULL || fgets(fault, sizeof fault, file) == NULL) return GENERAL_ERROR;
    fclose(file);
    void *module = dlopen(getenv("OVSEAL_TEST_SOFTHSM"), RTLD_NOW);
    if (module == NULL) return GENERAL_ERROR;
    word (*get)(struct list **) = (word (*)(struct list **))dlsym(module, "C_GetFunctionList");
    if (get == NULL || get(&real) != 0) return GENERAL_ERROR;
    replaced = *real;
    replaced.functions[TOKEN_INFO] = (function)get_token_info;
    replaced.functions[LOGIN] = (function)log_in;
    if (is("removed") || is("goes-away")) replaced.functions[DERIVE_KEY] = derive_key;
    if (is("signs-wrong")) replaced.functions[SIGN] = (function)wrong_signature;
    *list = &replaced;
    return 0;
}
