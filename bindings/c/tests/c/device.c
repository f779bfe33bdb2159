/* Seals a file to a device, and opens it with the device's TPM: device FILE DIR TCTI RECIPIENT */

#define _POSIX_C_SOURCE 200112L

#include "expect.h"

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
    DONE(ovseal_key_device(arguments[2], NULL, NULL, &device));

    DONE(ovseal_key_recipient(arguments[4], &recipient));
    const ovseal_key *both[] = {recipient, device};
    ovseal_seal_options seal = OVSEAL_SEAL_OPTIONS_INIT;
    seal.flags = OVSEAL_SEAL_ONLY;
    seal.recipients = both;
    seal.recipient_count = 2;
    /* A key that only opens cannot be sealed to. */
    FAILS(ovseal_seal(arguments[1], container, &seal, NULL), OVSEAL_CODE_NO_RECIPIENT);
    seal.recipient_count = 1;
    DONE(ovseal_seal(arguments[1], container, &seal, NULL));

    ovseal_rekeyed rekeyed;
    ovseal_rekey_options rekey = OVSEAL_REKEY_OPTIONS_INIT;
    rekey.trust = OVSEAL_TRUST_ANY_SENDER;
    rekey.add_recipients = both;
    rekey.add_recipient_count = 2;
    FAILS(ovseal_rekey(container, device, &rekey, &rekeyed), OVSEAL_CODE_NO_RECIPIENT);
    rekey.add_recipient_count = 1;
    DONE(ovseal_rekey(container, device, &rekey, &rekeyed));
    EXPECT(rekeyed.stanzas == 2);
    ovseal_key_free(recipient);

    ovseal_opened *opened;
    ovseal_open_options options = OVSEAL_OPEN_OPTIONS_INIT;
    options.trust = OVSEAL_TRUST_ANY_SENDER;
    DONE(ovseal_open(container, device, &options, &opened));
    int parts = (int)ovseal_opened_part_count(opened);
    ovseal_opened_free(opened);
    ovseal_key_free(device);
    return parts != 1;
}
