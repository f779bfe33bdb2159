/* Seals a file to a device's recipient, and opens it with the device's TPM: device FILE FOLDER TCTI RECIPIENT. */

#include <ovseal/ovseal.h>

#include <stdio.h>
#include <stdlib.h>

static void check(ovseal_error *error) {
    if (error) {
        fprintf(stderr, "%s\n", ovseal_error_message(error));
        exit(1);
    }
}

int main(int count, char **arguments) {
    if (count != 5)
        return 100;
    char container[4096];
    snprintf(container, sizeof container, "%s/device.ovseal", arguments[2]);
    ovseal_key *recipient, *device = NULL;
    check(ovseal_key_recipient(arguments[4], &recipient));
    ovseal_seal_options *seal;
    check(ovseal_seal_options_new(&seal));
    check(ovseal_seal_options_add_recipient(seal, recipient));
    check(ovseal_seal_options_set_only(seal, true));
    check(ovseal_seal(arguments[1], container, seal, NULL));
    ovseal_seal_options_free(seal);
    ovseal_key_free(recipient);

    ovseal_error *error = ovseal_key_device("/nonexistent", arguments[3], NULL, &device);
    if (ovseal_error_code(error) != OVSEAL_CODE_NO_KEY_FITS || !ovseal_error_hint(error) || device)
        return 2;
    ovseal_error_free(error);
    check(ovseal_key_device(arguments[2], arguments[3], NULL, &device));
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
