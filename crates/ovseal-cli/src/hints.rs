//! Advice: what helps against a failure, where something does.

use std::io;

use ovseal::onnx::OnnxError;
use ovseal::{
    AnchorError, ModelError, OpenError, RekeyError, RollbackError, SealError, SignError, UnwrapError,
    WrapError,
};
#[cfg(feature = "pkcs11")]
use ovseal_hardware::pkcs11::{TokenError, UriError};
use ovseal_hardware::tpm2::TpmError;
use ovseal_openvino::ConvertError;

/// Where the numbers of stanzas are to be seen.
pub(crate) const INSPECT_STANZAS: &str = "ovseal inspect FILE shows the stanzas, counted from 1";

const MIXED: &str = "leave out the classical recipients (age1…), or allow them with --allow-mixed: then a quantum \
                     computer opens the container";
const STATE_ANEW: &str = "if nobody put an older state back, move F away and make it anew with: ovseal rollback-state --tpm \
                          -o F, and demand the current version once with --min-security-version N";
const DEVICE_AND_STATE_ANEW: &str = "if this is the right device, move DIR away, keep it, and enroll anew with: ovseal device enroll \
                                     --state DIR; then move F away and make it anew with: ovseal rollback-state --tpm --state DIR \
                                     -o F, and demand the current version once with --min-security-version N";
const AGAIN: &str = "get the container again from its publisher";
const MEMORY: &str = "end other programs, or give this one more memory";

/// What helps when a container cannot be opened.
pub(crate) fn open(error: &OpenError) -> Option<String> {
    let hint = match error {
        OpenError::NotAContainer => "make a container of a model with: ovseal seal MODEL -o OUT.ovseal",
        OpenError::Version(_) | OpenError::Suite(_) | OpenError::Flags(_) => "a newer ovseal may read it",
        OpenError::Truncated => "the download may be incomplete: copy the file again",
        OpenError::Damaged(_) | OpenError::NotAuthentic(_) | OpenError::Chunk { .. } => AGAIN,
        OpenError::Signature(_) => AGAIN,
        OpenError::Unsigned | OpenError::Untrusted | OpenError::SignatureMissing(_) => {
            "ovseal inspect FILE shows who claims to have signed; trust a key only if it comes from the publisher"
        }
        OpenError::SecurityVersion { .. } => "get the current version of the model from its publisher",
        OpenError::NotForPublisher(_) => {
            "--publisher PUB:NAME trusts a publisher for one name; ovseal inspect FILE with a key option shows the name"
        }
        OpenError::WrongName { .. } => "ovseal inspect FILE with a key option shows the name",
        OpenError::DemandWithoutPublisher => "name the publisher's public key with --publisher PUB",
        OpenError::SenderNotNamed { .. } => {
            "name the publisher with --publisher PUB, or accept a container from anyone with --any-sender"
        }
        OpenError::SideFile { .. } => "remove that file, or get the one that belongs to this container",
        OpenError::Rollback(error) => return rollback(error),
        OpenError::KdfLimit { needed, .. } => {
            return Some(format!(
                "if you trust where the container comes from, allow more work with --kdf-limit {needed}"
            ));
        }
        OpenError::Unwrap(UnwrapError::Memory { .. }) | OpenError::Memory(_) => MEMORY,
        OpenError::Unwrap(UnwrapError::Backend(source) | UnwrapError::Refused(source)) => {
            return backend(&**source);
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What helps when a rollback state cannot be used.
fn rollback(error: &RollbackError) -> Option<String> {
    let hint = match error {
        RollbackError::Missing { anchored: true, .. } => {
            "if this device is new, make the state once with: ovseal rollback-state --tpm -o F"
        }
        RollbackError::Missing { anchored: false, .. } => {
            "if this device is new, make the state once with: ovseal rollback-state -o F"
        }
        RollbackError::Write { source, .. } => return write(source),
        RollbackError::NotAnchored { .. } => {
            "make one that is with: ovseal rollback-state --tpm -o F, or leave out --rollback-tpm"
        }
        RollbackError::Anchored { .. } => "ask this device's TPM with --rollback-tpm",
        RollbackError::NotAuthentic { .. }
        | RollbackError::RolledBack { .. }
        | RollbackError::CounterSetBack { .. } => STATE_ANEW,
        RollbackError::Anchor {
            source: AnchorError::Backend(cause) | AnchorError::Refused(cause), ..
        } => {
            return cause.downcast_ref().and_then(anchor);
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What helps when a TPM does not check a rollback state. No other key does in its place.
fn anchor(error: &TpmError) -> Option<String> {
    let hint = match error {
        TpmError::NoCounter(_) | TpmError::AnchorRecord => STATE_ANEW,
        // The device's own key.
        TpmError::AnotherTpm | TpmError::Integrity => DEVICE_AND_STATE_ANEW,
        TpmError::PcrChanged(_) | TpmError::Policy { .. } => {
            "start the device in the state in which it was enrolled: in another one its TPM checks no rollback state"
        }
        error => return tpm(error),
    };
    Some(hint.to_owned())
}

/// What helps when a TPM does not do what was asked of it.
pub(crate) fn tpm(error: &TpmError) -> Option<String> {
    let hint = match error {
        TpmError::Library(_) => {
            "install the TPM software stack: apt-get install libtss2-esys-3.0.2-0 libtss2-tctildr0 \
             libtss2-tcti-device0"
        }
        TpmError::Connect { .. } => {
            "ovseal doctor looks for the TPM; access to /dev/tpmrm0 usually takes the group tss; --tcti names another"
        }
        TpmError::Deadline(_) => "end other programs that use the TPM, or restart the device",
        TpmError::Lockout => {
            "ovseal doctor shows after how many seconds a try is forgotten; the TPM's owner can reset it with: \
             tpm2_dictionarylockout --clear-lockout"
        }
        TpmError::NoRoom { .. } => {
            "use a resource manager (device:/dev/tpmrm0); left-over objects are flushed with: tpm2_flushcontext -t"
        }
        TpmError::NoPcr(_) => "switch the bank sha256 on in the firmware's settings",
        TpmError::AnotherTpm => {
            "open with another key of the container, enroll this device anew, and bind the container again"
        }
        TpmError::PcrChanged(_) => {
            "start the device as it was when it was enrolled or bound, or open with another key of the container and \
             bind it again"
        }
        TpmError::NotApproved { .. } | TpmError::ForgedApproval => {
            "put the approver's approval of this state into the device's folder; ovseal device status --pcr LIST shows it"
        }
        TpmError::WrongPassphrase => "if the passphrase is right, get the container again from its publisher",
        TpmError::PinMissing => "give the PIN with --tpm-pin-file F",
        TpmError::WrongPin => "some more wrong ones lock the TPM: ovseal doctor shows how many were counted",
        TpmError::Epoch { .. } | TpmError::Clock { .. } | TpmError::Integrity => AGAIN,
        TpmError::Gone { .. } => "repeat the command; ovseal doctor looks whether the TPM is back",
        TpmError::NoCounter(_) => {
            "someone removed it from the TPM: open with another key of the container, enroll the device anew into another \
             folder, and bind again"
        }
        TpmError::Authorization { .. } => {
            "its owner's hierarchy or storage key has a password, which is not supported: tpm2_changeauth -c owner takes it off"
        }
        TpmError::Policy { .. } => "open with another key of the container, and bind it again",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What helps when a model cannot be sealed.
pub(crate) fn seal(error: &SealError) -> Option<String> {
    let hint = match error {
        SealError::NoRecipient => {
            "give at least one of -r RECIPIENT, -R FILE, -p, --passphrase-file F, --keyfile F"
        }
        SealError::MixedRecipients => MIXED,
        SealError::KeyInModel { .. } => {
            "move it out of the model's directory, or leave it out with --exclude"
        }
        SealError::Irreplaceable { .. } => "remove it first, or give the container another name with -o",
        SealError::OutputIsInput | SealError::OutputIsKey => "give the container another name with -o",
        SealError::Write(source) => return write(source),
        SealError::Sign(SignError::Backend(source)) => return backend(&**source),
        SealError::Wrap(WrapError::Memory { .. }) | SealError::Memory(_) => MEMORY,
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What helps when the files of a model are not as they should be.
pub(crate) fn model(error: &ModelError) -> Option<String> {
    let hint = match error {
        ModelError::MissingWeights { .. } => {
            "put the file beside its topology, or seal the topology alone with --only"
        }
        ModelError::Symlink { .. } => "seal what it points to with --follow-symlinks",
        ModelError::FolderNotFile { .. } => "leave out --only to seal the whole folder",
        ModelError::PrivateKey { .. } => {
            "move it out of the model's directory, or leave it out with --exclude; --dry-run lists what would be sealed"
        }
        ModelError::AllLeftOut { .. } => "seal it all the same with --include-everything",
        ModelError::Pattern { .. } => {
            "a pattern has the syntax of gitignore, without ! or # at its beginning"
        }
        ModelError::Name { .. } | ModelError::Path(_) => "rename the file",
        ModelError::PathOnly { path, .. } if path.ends_with("saved_model.pb") => {
            "name its folder instead, with --optimize: TensorFlow's weights lie next to the graph"
        }
        ModelError::PathOnly { format, .. } if format.is_convertible() => {
            "make an IR of it while sealing, with --optimize, or seal the file as it is with --only: then ovseal run \
             does not open it"
        }
        ModelError::PathOnly { .. } => {
            "make an IR of the model that it was made from, for example with: optimum-cli export openvino; or seal the file \
             as it is with --only: then ovseal run does not open it"
        }
        ModelError::GitLfsPointer { .. } => "fetch the file first: git lfs pull",
        ModelError::Ir { .. } | ModelError::Paddle { .. } => {
            "export the model again, or copy its files again: they do not belong together"
        }
        ModelError::Onnx { source: OnnxError::MissingFile { .. }, .. } => {
            "put the file beside the model, and leave out --only"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What helps when a model cannot be converted.
pub(crate) fn convert(error: &ConvertError) -> Option<String> {
    let hint = match error {
        ConvertError::NoInterpreter => {
            "install Python 3 and OpenVINO's package: python3 -m pip install openvino"
        }
        ConvertError::NoPackage { .. } => {
            "install it: python3 -m pip install openvino; or activate the environment that has it"
        }
        ConvertError::Memory(_) => MEMORY,
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What helps when a container cannot be rekeyed.
pub(crate) fn rekey(error: &RekeyError) -> Option<String> {
    let hint = match error {
        RekeyError::LastStanza => {
            "add another key with --add-recipient, --add-passphrase-file or --add-keyfile"
        }
        RekeyError::TooManyStanzas => "remove stanzas with --remove N",
        RekeyError::NoRoom { .. } => "remove stanzas with --remove N, or seal the model anew",
        RekeyError::MixedRecipients => MIXED,
        RekeyError::OnlyEnclave => "keep another stanza, or allow it with --allow-only-sgx",
        RekeyError::Locked { .. } => "wait until the other process is done",
        RekeyError::GenerationChanged { .. } => "see what is there now with ovseal inspect, and choose again",
        RekeyError::NotRegular { .. } => "name the container itself; readlink -f shows what a link names",
        RekeyError::HardLinks { .. } => "rekey a copy of the file",
        RekeyError::ForeignRekeyFile { .. } => {
            "move that file away if you know where it comes from, or remove it with --discard-waiting"
        }
        RekeyError::Waiting(waiting) if waiting.own_generation.is_none() => {
            "if you know where that file comes from, take its stanzas over with --finish-waiting; otherwise get the \
             container again from its publisher"
        }
        RekeyError::Waiting(_) => {
            "remove that file with --discard-waiting; only if you know where it comes from, take its stanzas over with \
             --finish-waiting"
        }
        RekeyError::Write { source, .. } => return write(source),
        RekeyError::Wrap(WrapError::Memory { .. }) => MEMORY,
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What helps when a file cannot be written.
pub(crate) fn write(error: &io::Error) -> Option<String> {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: free some space, or write to another disk"
        }
        io::ErrorKind::FileTooLarge => "neither the file system nor ulimit -f may limit the size of the file",
        io::ErrorKind::PermissionDenied => "the folder must be writable for you",
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "the folder must exist",
        io::ErrorKind::ReadOnlyFilesystem => "write to another disk",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What helps when what holds a key failed.
fn backend(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Option<String> {
    #[cfg(feature = "pkcs11")]
    if let Some(error) = error.downcast_ref() {
        return token(error);
    }
    error.downcast_ref().and_then(tpm)
}

/// What helps when a token cannot be used.
#[cfg(feature = "pkcs11")]
pub(crate) fn token(error: &TokenError) -> Option<String> {
    let hint = match error {
        TokenError::Module { .. } => {
            "name the token's module with --pkcs11-module FILE or OVSEAL_PKCS11_MODULE"
        }
        TokenError::NoToken { .. } => "ovseal doctor lists the tokens; is it plugged in?",
        TokenError::AmbiguousToken { .. } => {
            "ovseal doctor lists the tokens: add the serial number to the URI"
        }
        TokenError::PinWrong { .. } => "too many wrong PINs lock a token: look before you try again",
        TokenError::PinLocked => "its security officer can unlock it, usually with a PUK",
        TokenError::NoKey { .. } => "ovseal token keygen makes a key",
        TokenError::AmbiguousKey { .. } => "add the key's object or id to the URI",
        TokenError::NoLabel => "add the label as object=NAME",
        TokenError::KeyExists { .. } => "choose another label as the URI's object",
        TokenError::Removed => "plug it in again and repeat the command",
        TokenError::Unanswered => "does it wait for a touch? Otherwise unplug it and plug it in again",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What helps when a text is no PKCS#11 URI.
#[cfg(feature = "pkcs11")]
pub(crate) fn uri(error: &UriError) -> Option<String> {
    let hint = match error {
        UriError::Scheme => "for example pkcs11:token=edge-7;object=model",
        UriError::Pin => {
            "leave pin-value out, and give the PIN with --pin-file F or when asked; change it if others saw it"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Which kinds of key a container with stanzas of `types` takes, and how each is given.
pub(crate) fn keys<'t>(types: impl Iterator<Item = &'t str>) -> String {
    let kinds: Vec<String> = types.map(|kind| format!("{kind} ({})", option_for(kind))).collect();
    format!("the container holds these kinds of key: {}", kinds.join(", "))
}

fn option_for(kind: &str) -> &'static str {
    match kind {
        "passphrase" => "-p or --passphrase-file F",
        "keyfile" => "--keyfile F",
        "x-wing" | "x25519" => "-i IDENTITY_FILE",
        "compile-cache" => "what ovseal run --cache-dir keeps: only it opens that",
        "pkcs11" => "--pkcs11 URI",
        "sgx" => "--sgx",
        "kms" => "a program that reaches its key service: this command has none",
        "tpm2" => "--tpm, on the device",
        "tpm2-passphrase" => "--tpm with -p or --passphrase-file F, on the device",
        _ => "unknown to this version",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_key_is_listed_with_its_option() {
        let hint = keys(["future", "keyfile", "tpm2", "x-wing"].into_iter());
        let kinds = "future (unknown to this version), keyfile (--keyfile F)";
        let hardware = "tpm2 (--tpm, on the device), x-wing (-i IDENTITY_FILE)";
        assert_eq!(hint, format!("the container holds these kinds of key: {kinds}, {hardware}"));
    }

    #[test]
    fn whatever_a_tpm_refuses_has_a_remedy_of_its_own() {
        let command = "Unseal";
        let errors = [
            TpmError::Connect { tcti: "device:/dev/tpmrm0".to_owned(), code: 0xa_000a },
            TpmError::Deadline(std::time::Duration::from_secs(20)),
            TpmError::Gone { command, code: 0xa_000a },
            TpmError::Lockout,
            TpmError::NoRoom { command },
            TpmError::NoPcr(7),
            TpmError::AnotherTpm,
            TpmError::PcrChanged(vec![7]),
            TpmError::NotApproved { registers: vec![7], approvals: 1 },
            TpmError::PinMissing,
            TpmError::WrongPin,
            TpmError::WrongPassphrase,
            TpmError::Epoch { limit: 1 },
            TpmError::NoCounter(1),
            TpmError::Authorization { command },
            TpmError::Policy { command },
        ];
        let hints: std::collections::BTreeSet<String> = errors.iter().filter_map(tpm).collect();
        assert_eq!(hints.len(), errors.len());
        assert_eq!(tpm(&TpmError::Integrity), tpm(&TpmError::Clock { limit: 1 }));
        assert_eq!(
            tpm(&TpmError::ForgedApproval),
            tpm(&TpmError::NotApproved { registers: vec![], approvals: 0 })
        );
    }

    #[test]
    fn a_tpm_that_does_not_check_a_rollback_state_has_a_remedy_for_it() {
        let hint = |cause: TpmError| {
            let source = AnchorError::from(cause);
            rollback(&RollbackError::Anchor { path: "F".into(), source }).unwrap()
        };
        for cause in [TpmError::AnotherTpm, TpmError::Integrity] {
            let hint = hint(cause);
            let (enroll, state) = hint.split_once("then move F away").unwrap();
            assert!(
                enroll.contains(
                    "move DIR away, keep it, and enroll anew with: ovseal device enroll --state DIR"
                ),
                "{hint}"
            );
            assert!(state.contains("ovseal rollback-state --tpm --state DIR -o F"), "{hint}");
        }
        for cause in [TpmError::PcrChanged(vec![7]), TpmError::Policy { command: "HMAC" }] {
            assert!(hint(cause).starts_with("start the device in the state in which it was enrolled"));
        }
        for cause in [TpmError::NoCounter(1), TpmError::AnchorRecord] {
            assert!(
                hint(cause).contains("move F away and make it anew with: ovseal rollback-state --tpm -o F")
            );
        }
        assert_eq!(Some(hint(TpmError::PinMissing)), tpm(&TpmError::PinMissing));
    }

    #[test]
    fn a_rollback_state_that_is_missing_is_made_as_it_is_demanded() {
        let hint = |anchored| rollback(&RollbackError::Missing { path: "F".into(), anchored }).unwrap();
        assert!(hint(true).ends_with(": ovseal rollback-state --tpm -o F"));
        assert!(hint(false).ends_with(": ovseal rollback-state -o F"));
    }

    #[test]
    fn a_full_disk_has_a_remedy() {
        let full = io::Error::from_raw_os_error(28);
        assert_eq!(write(&full).unwrap(), "the disk is full: free some space, or write to another disk");
    }
}
