//! The key that a stanza needs, in words.

use ovseal::StanzaSummary;
use ovseal_hardware::sgx::SealingPolicy;
use ovseal_hardware::tpm2::Tpm2Summary;

use super::tpm::short_id;

/// Returns what a stanza needs, or `None` for a type unknown to this version.
pub(crate) fn of_stanza(stanza: &StanzaSummary) -> Option<String> {
    match stanza.stanza_type.as_str() {
        "passphrase" => Some("the passphrase".to_owned()),
        "keyfile" => Some("the key file".to_owned()),
        "x-wing" | "x25519" => Some("the identity".to_owned()),
        "pkcs11" => Some("the token".to_owned()),
        "kms" => Some("the key service".to_owned()),
        "sgx" => SealingPolicy::of_stanza(&stanza.parameters)
            .map(|policy| format!("the enclave, by {}", policy.word())),
        kind => Tpm2Summary::of(kind, &stanza.parameters).map(|summary| device_needs(&summary)),
    }
}

fn device_needs(summary: &Tpm2Summary) -> String {
    let mut needs = format!("the TPM of device {}", short_id(&summary.device));
    let bounds = &summary.bounds;
    if let Some(values) = bounds.pcr_values() {
        needs.push_str(&format!(", PCR {} unchanged", values.list()));
    }
    if let Some(epoch) = bounds.epoch() {
        needs.push_str(&format!(", its epoch up to {epoch}"));
    }
    if let Some(clock) = bounds.clock() {
        needs.push_str(&format!(", its clock below {clock} ms"));
    }
    if summary.needs_passphrase {
        needs.push_str(", and the passphrase");
    }
    needs
}
