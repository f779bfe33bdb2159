//! Containers that cannot be opened, and rollback states that cannot be used.

use ovseal::{AnchorError, ErrorKind, OpenError, RollbackError, StanzaKind, UnwrapError};
use ovseal_hardware::tpm2::TpmError;

use super::{Explain, FrontEnd, GET_AGAIN, MORE_MEMORY, key_holder_hint, write_hint};
use crate::Code;

impl Explain for OpenError {
    fn code(&self) -> Code {
        match self {
            Self::Read { .. } => Code::Read,
            Self::Memory(_) | Self::Unwrap(UnwrapError::Memory { .. }) => Code::Memory,
            Self::Unwrap(UnwrapError::Backend(_)) => Code::KeyHolder,
            Self::Unwrap(UnwrapError::Refused(_)) => Code::Refused,
            Self::NoSuchPart(_) => Code::NoSuchPart,
            Self::OutOfRange { .. } => Code::OutOfRange,
            Self::DemandWithoutPublisher | Self::NoPublisher => Code::NoPublisher,
            Self::SenderNotNamed { .. } => Code::SenderNotNamed,
            Self::Truncated => Code::Truncated,
            Self::Damaged(_) => Code::Damaged,
            Self::Chunk { .. } => Code::Chunk,
            Self::Signature(_) => Code::Signature,
            Self::SideFile { .. } => Code::SideFile,
            Self::Unsigned => Code::Unsigned,
            Self::Untrusted | Self::NotForPublisher(_) => Code::Untrusted,
            Self::KdfLimit { .. } => Code::KdfLimit,
            Self::SignatureMissing(_) => Code::SignatureMissing,
            Self::WrongName { .. } => Code::WrongName,
            Self::SecurityVersion { .. } => Code::SecurityVersion,
            Self::Rollback(error) => error.code(),
            Self::NotAContainer => Code::NotAContainer,
            Self::Version(_) | Self::Suite(_) | Self::Flags(_) => Code::Version,
            error => Code::rest(error.kind()),
        }
    }

    fn hint(&self, to: FrontEnd) -> Option<String> {
        let hint = match self {
            Self::NotAContainer => {
                to.say("seal a model first: ovseal seal MODEL -o OUT.ovseal", "seal the model first")
            }
            Self::Version(_) | Self::Suite(_) | Self::Flags(_) => "a newer version of ovseal may read it",
            Self::Truncated => "the file may be incomplete: download or copy it again",
            Self::Damaged(_) | Self::NotAuthentic(_) | Self::Chunk { .. } | Self::Signature(_) => GET_AGAIN,
            Self::Unsigned | Self::Untrusted | Self::SignatureMissing(_) => to.say(
                "ovseal inspect FILE shows who claims to have signed; trust a key only if it comes from the \
                 publisher",
                "trust a publisher's key only if it comes from the publisher",
            ),
            Self::SecurityVersion { .. } => "get the current version of the model from its publisher",
            Self::NotForPublisher(_) => to.say(
                "trust a publisher for one model with --publisher PUB:NAME; ovseal inspect FILE with a key \
                 option shows the name",
                "trust the publisher for this model too",
            ),
            Self::WrongName { .. } if to == FrontEnd::Command => {
                "ovseal inspect FILE with a key option shows the name"
            }
            Self::DemandWithoutPublisher | Self::NoPublisher => to.say(
                "name the publisher's public key with --publisher PUB",
                "name the publisher's public key",
            ),
            Self::SenderNotNamed { .. } => to.say(
                "name the publisher with --publisher PUB, or accept a container from anyone with --any-sender",
                "name the publisher's public key, or accept any sender explicitly",
            ),
            Self::SideFile { .. } => "remove that file, or get the one that belongs to this container",
            Self::Rollback(error) => return error.hint(to),
            Self::KdfLimit { needed, .. } => {
                let limit = to.say("--kdf-limit", "kdf_limit");
                return Some(format!("if you trust the container's origin, raise {limit} to {needed}"));
            }
            Self::Unwrap(UnwrapError::Memory { .. }) | Self::Memory(_) => MORE_MEMORY,
            Self::Unwrap(UnwrapError::Backend(source) | UnwrapError::Refused(source)) => {
                return key_holder_hint(&**source, to);
            }
            Self::NoKeyFits { stanzas } => return Some(keys_hint(stanzas.iter().map(String::as_str), to)),
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl Explain for RollbackError {
    fn code(&self) -> Code {
        match self {
            Self::Write { .. } => Code::Write,
            Self::Locked { .. } => Code::Busy,
            error if error.kind() == ErrorKind::Denied => Code::Rollback,
            error => Code::rest(error.kind()),
        }
    }

    fn hint(&self, to: FrontEnd) -> Option<String> {
        let hint = match self {
            Self::Missing { anchored: true, .. } => {
                "if this device is new, create the state once: ovseal rollback-state --tpm -o FILE"
            }
            Self::Missing { anchored: false, .. } => {
                "if this device is new, create the state once: ovseal rollback-state -o FILE"
            }
            Self::Write { source, .. } => return write_hint(source),
            Self::Locked { .. } => "wait until the other process has finished",
            Self::NotAnchored { .. } => to.say(
                "create one that is: ovseal rollback-state --tpm -o FILE; or leave out --rollback-tpm",
                "create one that is: ovseal rollback-state --tpm -o FILE",
            ),
            Self::Anchored { .. } => to.say(
                "check it against this device's TPM with --rollback-tpm",
                "this state is tied to a TPM: check it with ovseal run --rollback-tpm, or from Rust",
            ),
            Self::NotAuthentic { .. } | Self::RolledBack { .. } | Self::CounterSetBack { .. } => NEW_STATE,
            Self::Anchor { source: AnchorError::Backend(cause) | AnchorError::Refused(cause), .. } => {
                return anchor_hint(cause.downcast_ref()?, to);
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// Returns advice for a TPM that cannot check a rollback state. No other key can replace it.
fn anchor_hint(error: &TpmError, to: FrontEnd) -> Option<String> {
    let hint = match error {
        TpmError::NoCounter(_) | TpmError::AnchorRecord => NEW_STATE,
        // These errors concern the device's own key, so the device must enroll again.
        TpmError::AnotherTpm | TpmError::Integrity => NEW_DEVICE_AND_STATE,
        TpmError::PcrChanged(_) | TpmError::Policy { .. } => {
            "boot the device into the state in which it was enrolled: only then does its TPM check the state"
        }
        error => return error.hint(to),
    };
    Some(hint.to_owned())
}

const NEW_STATE: &str = "if you are sure that no older state was restored, move FILE away, create a new one with \
                         ovseal rollback-state --tpm -o FILE, and require the current version once with \
                         --min-security-version N";
const NEW_DEVICE_AND_STATE: &str = "if this is the right device, back up DIR, move it away, and enroll again with \
                                    ovseal device enroll --state DIR; then move FILE away, create a new state with \
                                    ovseal rollback-state --tpm --state DIR -o FILE, and require the current version \
                                    once with --min-security-version N";

/// Returns a hint that lists the kinds of key for stanzas of these `types`.
#[must_use]
pub fn keys_hint<'t>(types: impl Iterator<Item = &'t str>, to: FrontEnd) -> String {
    let mut keys: Vec<String> = Vec::new();
    for kind in types {
        let (option, noun) = key_for(kind);
        let key = to.say(option, noun).to_owned();
        let key = if to == FrontEnd::Command { format!("{kind} ({key})") } else { key };
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    match to {
        FrontEnd::Command => format!("the container accepts these kinds of key: {}", keys.join(", ")),
        FrontEnd::Library => format!("the container accepts {}", keys.join(", or ")),
    }
}

/// Returns the command's option for a type of stanza, and the key's name in a sentence.
fn key_for(word: &str) -> (&'static str, &'static str) {
    let Some(kind) = StanzaKind::parse(word) else { return UNKNOWN };
    match kind {
        StanzaKind::Passphrase => ("-p or --passphrase-file F", "a passphrase"),
        StanzaKind::KeyFile => ("--keyfile F", "a key file"),
        StanzaKind::XWing | StanzaKind::X25519 => ("-i F", "an identity"),
        StanzaKind::CompileCache => {
            ("an entry of ovseal run --cache-dir, opened by that command only", "no key: it is a cache entry")
        }
        StanzaKind::Pkcs11 => ("--pkcs11 URI", "a key on a PKCS#11 token"),
        StanzaKind::Sgx => ("--sgx", "a key of an SGX enclave"),
        StanzaKind::KeyService => (
            "a program with access to its key service; this command has none",
            "the key service it was sealed to",
        ),
        StanzaKind::License => ("a licence; this version cannot ask for one", "a licence of its publisher"),
        StanzaKind::Tpm2 => ("--tpm, on the device", "the TPM of the device it is bound to"),
        StanzaKind::Tpm2Passphrase => (
            "--tpm with -p or --passphrase-file F, on the device",
            "a passphrase together with the TPM of the device it is bound to",
        ),
    }
}

const UNKNOWN: (&str, &str) = ("unknown to this version", "a kind of key unknown to this version");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_front_end_lists_keys_in_its_own_words() {
        let hint = |to| keys_hint(["future", "keyfile", "tpm2", "x-wing", "x25519"].into_iter(), to);
        assert_eq!(
            hint(FrontEnd::Command),
            "the container accepts these kinds of key: future (unknown to this version), \
             keyfile (--keyfile F), tpm2 (--tpm, on the device), x-wing (-i F), \
             x25519 (-i F)"
        );
        assert_eq!(
            hint(FrontEnd::Library),
            "the container accepts a kind of key unknown to this version, or a key file, or the TPM of the device \
             it is bound to, or an identity"
        );
    }

    #[test]
    fn a_tpm_that_cannot_check_a_rollback_state_has_a_remedy() {
        let hint = |cause: TpmError| {
            let source = AnchorError::from(cause);
            RollbackError::Anchor { path: "F".into(), source }.hint(FrontEnd::Command).unwrap()
        };
        for cause in [TpmError::AnotherTpm, TpmError::Integrity] {
            let hint = hint(cause);
            let (enroll, state) = hint.split_once("then move FILE away").unwrap();
            assert!(enroll.contains("enroll again with ovseal device enroll --state DIR"), "{hint}");
            assert!(state.contains("ovseal rollback-state --tpm --state DIR -o FILE"), "{hint}");
        }
        for cause in [TpmError::PcrChanged(vec![7]), TpmError::Policy { command: "HMAC" }] {
            assert!(hint(cause).starts_with("boot the device into the state in which it was enrolled"));
        }
        for cause in [TpmError::NoCounter(1), TpmError::AnchorRecord] {
            assert!(hint(cause).contains("create a new one with ovseal rollback-state --tpm -o FILE"));
        }
        assert_eq!(Some(hint(TpmError::PinMissing)), TpmError::PinMissing.hint(FrontEnd::Command));
    }

    #[test]
    fn a_missing_rollback_state_is_created_as_it_is_required() {
        let hint =
            |anchored| RollbackError::Missing { path: "F".into(), anchored }.hint(FrontEnd::Command).unwrap();
        assert!(hint(true).ends_with(": ovseal rollback-state --tpm -o FILE"));
        assert!(hint(false).ends_with(": ovseal rollback-state -o FILE"));
    }
}
