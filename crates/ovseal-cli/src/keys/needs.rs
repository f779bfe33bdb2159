//! The key that a stanza needs, in words.

use ovseal::share::LicenseParameters;
use ovseal::{StanzaKind, StanzaSummary};
use ovseal_hardware::sgx::SealingPolicy;
use ovseal_hardware::tpm2::Tpm2Summary;

use super::tpm::short_id;

/// Returns what a stanza needs, or `None` for a type unknown to this version.
pub(crate) fn of_stanza(stanza: &StanzaSummary) -> Option<String> {
    Some(match stanza.stanza_type.kind()? {
        StanzaKind::Passphrase => "the passphrase".to_owned(),
        StanzaKind::KeyFile => "the key file".to_owned(),
        StanzaKind::XWing | StanzaKind::X25519 => "the identity".to_owned(),
        StanzaKind::Pkcs11 => "the token".to_owned(),
        StanzaKind::KeyService => "the key service".to_owned(),
        StanzaKind::Sgx => {
            format!("the enclave, by {}", SealingPolicy::of_stanza(&stanza.parameters)?.word())
        }
        StanzaKind::CompileCache => return None,
        StanzaKind::License => license_needs(&LicenseParameters::parse(&stanza.parameters)?),
        kind @ (StanzaKind::Tpm2 | StanzaKind::Tpm2Passphrase) => {
            device_needs(&Tpm2Summary::of(kind.word(), &stanza.parameters)?)
        }
    })
}

fn license_needs(parameters: &LicenseParameters) -> String {
    let level = match parameters.least_level {
        0 => String::new(),
        level => format!(" on a device of level {level} or higher"),
    };
    let keys: Vec<String> =
        parameters.shares().iter().map(|share| short_id(share.key_id.as_bytes())).collect();
    let plural = if keys.len() > 1 { "s" } else { "" };
    format!(
        "a licence for product {}{level}, from the service with release key{plural} {}",
        parameters.product,
        keys.join(" and ")
    )
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
