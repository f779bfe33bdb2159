/* Seals a file to a device's recipient, and opens it with the device's TPM: device FILE FOLDER TCTI RECIPIENT. */

#define _POSIX_C_SOURCE 200112L

#include <ovseal/ovseal.h>

#include <stdio.h>
#include <stdlib.h>

static void check(ovseal_error *error) {
    if (error) {
        fprintf(stderr, "%s\n", ovseal_error_message(error));
        exit(1);
    }
}

/* A key that only opens is not sealed to, and those that were added before stay. */
static void refused(ovseal_error *error) {
    if (ovseal_error_code(error) != OVSEAL_CODE_NO_RECIPIENT)
        exit(3);
    ovseal_error_free(error);
}

int main(int count, char **arguments) {
    if (count != 5)
        return 100;
    char container[4096];
    snprintf(container, sizeof container, "%s/device.ovseal", arguments[2]);
    ovseal_key *recipient, *device = NULL;
    ovseal_error *error = ovseal_key_device("/nonexistent", arguments[3], NULL, &device);
    if (ovseal_error_code(error) != OVSEAL_CODE_NO_KEY_FITS || !ovseal_error_hint(error) || device)
        return 2;
    ovseal_error_free(error);
    setenv("OVSEAL_TCTI", arguments[3], 1);
    check(ovseal_key_device(arguments[2], NULL, NULL, &device));

    check(ovseal_key_recipient(arguments[4], &recipient));
    ovseal_seal_options *seal;
    check(ovseal_seal_options_new(&seal));
    check(ovseal_seal_options_add_recipient(seal, recipient));
    refused(ovseal_seal_options_add_recipient(seal, device));
    check(ovseal_seal_options_set_only(seal, true));
    check(ovseal_seal(arguments[1], container, seal, NULL));
    ovseal_seal_options_free(seal);

    ovseal_rekey_options *rekey;
    ovseal_rekeyed rekeyed;
    check(ovseal_rekey_options_new(&rekey));
    check(ovseal_rekey_options_set_any_sender(rekey, true));
    check(ovseal_rekey_options_add_recipient(rekey, recipient));
    refused(ovseal_rekey_options_add_recipient(rekey, device));
    check(ovseal_rekey(container, device, rekey, &rekeyed));
    if (rekeyed.stanzas != 2)
        return 4;
    ovseal_rekey_options_free(rekey);
    ovseal_key_free(recipient);

    ovseal_open_options *options;
    ovseal_opened *opened;
    check(ovseal_open_options_new(OVSEAL_TRUST_ANY_SENDER, &options));
    check(ovseal_open(container, device, options, &opened));
    int parts = (int)ovseal_opened_part_count(opened);
    ovseal_opened_free(opened);
    ovseal_open_options_free(options);
    ovseal_key_free(device);
    return parts != 1;
}
