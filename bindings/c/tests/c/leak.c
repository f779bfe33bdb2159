/* Leaks a key, to show that the sanitizer of the tests would notice. */

#include <ovseal/ovseal.h>

int main(void) {
    const uint8_t bytes[32] = {1};
    ovseal_key *key;
    ovseal_error_free(ovseal_key_keyfile(bytes, sizeof bytes, &key));
    key = NULL;
    return key != NULL;
}
