/* Seals a file to a device, and opens it with the device's TPM: device FILE DIR TCTI RECIPIENT */

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

/* A key that only opens cannot be sealed to. */
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
    const ovseal_key *both[] = {recipient, device};
    ovseal_seal_options seal = OVSEAL_SEAL_OPTIONS_INIT;
    seal.flags = OVSEAL_SEAL_ONLY;
    seal.recipients = both;
    seal.recipient_count = 2;
    refused(ovseal_seal(arguments[1], container, &seal, NULL));
    seal.recipient_count = 1;
    check(ovseal_seal(arguments[1], container, &seal, NULL));

    ovseal_rekeyed rekeyed;
    ovseal_rekey_options rekey = OVSEAL_REKEY_OPTIONS_INIT;
    rekey.trust = OVSEAL_TRUST_ANY_SENDER;
    rekey.add_recipients = both;
    rekey.add_recipient_count = 2;
    refused(ovseal_rekey(container, device, &rekey, &rekeyed));
    rekey.add_recipient_count = 1;
    check(ovseal_rekey(container, device, &rekey, &rekeyed));
    if (rekeyed.stanzas != 2)
        return 4;
    ovseal_key_free(recipient);

    ovseal_opened *opened;
    ovseal_open_options options = OVSEAL_OPEN_OPTIONS_INIT;
    options.trust = OVSEAL_TRUST_ANY_SENDER;
    check(ovseal_open(container, device, &options, &opened));
    int parts = (int)ovseal_opened_part_count(opened);
    ovseal_opened_free(opened);
    ovseal_key_free(device);
    return parts != 1;
}
