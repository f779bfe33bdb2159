//! Advice for programs: what helps against a failure, where something does. The command has words of its own.

use std::io;

use ovseal::{ModelError, OpenError, RekeyError, RollbackError, SealError, UnwrapError};
use ovseal_hardware::tpm2::{DeviceError, TpmError};
use ovseal_openvino::{NetworkError, SealedModelError};

type Hint = Option<&'static str>;

const AGAIN: &str = "get the container again from its publisher";
const MEMORY: &str = "end other programs, or give this one more memory";
const KEY_IN_FOLDER: &str = "move it out of the model's directory, or exclude it";
const MIXED: &str = "leave out the classical recipients (age1...), or allow mixing them: then a quantum computer opens the container";

pub(crate) fn open(error: &OpenError) -> Hint {
    Some(match error {
        OpenError::Truncated => "the download may be incomplete: copy the file again",
        OpenError::NotAContainer => "seal the model first",
        OpenError::Version(_) | OpenError::Suite(_) | OpenError::Flags(_) => "a newer ovseal may read it",
        OpenError::Damaged(_) | OpenError::NotAuthentic(_) | OpenError::Chunk { .. } => AGAIN,
        OpenError::Signature(_) => AGAIN,
        OpenError::Unsigned | OpenError::Untrusted | OpenError::SignatureMissing(_) => {
            "trust a publisher's key only if it comes from the publisher"
        }
        OpenError::SecurityVersion { .. } => "get the current version of the model from its publisher",
        OpenError::DemandWithoutPublisher | OpenError::NoPublisher => "name the publisher's public key",
        OpenError::SenderNotNamed { .. } => {
            "name the publisher's public key, or say explicitly that any sender is accepted"
        }
        OpenError::SideFile { .. } => "remove that file, or get the one that belongs to this container",
        OpenError::Rollback(error) => return rollback(error),
        OpenError::KdfLimit { .. } => {
            "if you trust where the container comes from, raise the limit for key derivation to that value (kdf_limit)"
        }
        OpenError::NotForPublisher(_) => "name the publisher for this model, too",
        OpenError::Unwrap(UnwrapError::Memory { .. }) | OpenError::Memory(_) => MEMORY,
        OpenError::Unwrap(UnwrapError::Backend(source) | UnwrapError::Refused(source)) => {
            return source.downcast_ref().and_then(tpm);
        }
        OpenError::NoKeyFits { stanzas } => return Some(keys(stanzas)),
        _ => return None,
    })
}

/// Without any kind that this version knows, a newer one may help.
fn keys(stanzas: &[String]) -> &'static str {
    let takes = |kind: &str| stanzas.iter().any(|stanza| stanza == kind);
    match (takes("passphrase"), takes("x-wing") || takes("x25519"), takes("keyfile"), takes("tpm2")) {
        (true, true, ..) => "the container takes a passphrase or an identity",
        (true, ..) => "the container takes a passphrase",
        (_, true, _, true) => "the container takes an identity, or the TPM of a device to which it is bound",
        (_, true, ..) => "the container takes an identity",
        (_, _, true, _) => "the container takes a key file",
        (.., true) => "the container is bound to a device: it opens with that device's TPM",
        _ if takes("kms") => "the container takes the key service to which it was sealed",
        _ => "inspecting the container shows the kinds of key that it takes",
    }
}

pub(crate) fn rollback(error: &RollbackError) -> Hint {
    Some(match error {
        RollbackError::Missing { .. } => "if this device is new, make the state once",
        RollbackError::Anchored { .. } => {
            "this state is tied to a TPM: ovseal run --rollback-tpm, or the Rust crates, check it"
        }
        RollbackError::Locked { .. } => "wait until the other process is done",
        RollbackError::Write { source, .. } => return write(source),
        _ => return None,
    })
}

pub(crate) fn seal(error: &SealError) -> Hint {
    match error {
        SealError::NoRecipient => Some("name at least one recipient"),
        SealError::MixedRecipients => Some(MIXED),
        SealError::OutputIsInput | SealError::OutputIsKey => Some("give the container another name"),
        SealError::KeyInModel { .. } => Some(KEY_IN_FOLDER),
        SealError::Irreplaceable { .. } => Some("remove it first, or give the container another name"),
        SealError::Write(source) => write(source),
        SealError::Memory(_) | SealError::Wrap(ovseal::WrapError::Memory { .. }) => Some(MEMORY),
        _ => None,
    }
}

pub(crate) fn model(error: &ModelError) -> Hint {
    match error {
        ModelError::MissingWeights { .. } => Some("put the file beside its topology"),
        ModelError::Symlink { .. } => Some("seal what it points to, or allow following links"),
        ModelError::PrivateKey { .. } => Some(KEY_IN_FOLDER),
        ModelError::AllLeftOut { .. } => Some("include everything, or name the file itself"),
        ModelError::Pattern { .. } => {
            Some("a pattern has the syntax of gitignore, without ! or # at its beginning")
        }
        ModelError::Name { .. } | ModelError::Path(_) => Some("rename the file"),
        ModelError::GitLfsPointer { .. } => Some("fetch the file first: git lfs pull"),
        ModelError::Ir { .. } | ModelError::Paddle { .. } => {
            Some("export the model again, or copy its files again: they do not belong together")
        }
        ModelError::PathOnly { format, .. } if format.is_convertible() => {
            Some("make an IR of it while sealing, with: ovseal seal --optimize")
        }
        ModelError::PathOnly { .. } => Some(
            "make an IR of the model that it was made from, for example with: optimum-cli export openvino",
        ),
        _ => None,
    }
}

pub(crate) fn rekey(error: &RekeyError) -> Hint {
    match error {
        RekeyError::Open(error) => open(error),
        RekeyError::LastStanza => Some("add another key"),
        RekeyError::TooManyStanzas | RekeyError::NoRoom { .. } => {
            Some("remove stanzas, or seal the model anew")
        }
        RekeyError::MixedRecipients => Some(MIXED),
        RekeyError::Locked { .. } => Some("wait until the other process is done"),
        RekeyError::NotRegular { .. } => Some("name the container itself"),
        RekeyError::HardLinks { .. } => Some("rekey a copy of the file"),
        RekeyError::ForeignRekeyFile { .. } => Some("remove that file by discarding what waits"),
        RekeyError::Waiting(_) => {
            Some("discard what waits; only if you know where that file comes from, finish it")
        }
        RekeyError::Write { source, .. } => write(source),
        _ => None,
    }
}

pub(crate) fn sealed_model(error: &SealedModelError) -> Hint {
    match error {
        SealedModelError::Open(error) => open(error),
        SealedModelError::Model(error) => network(error),
        SealedModelError::SeveralModels { .. } => Some("name the part of the one that is wanted"),
        SealedModelError::Compiled { .. } => Some("use import_model"),
        SealedModelError::NoCompiledModel | SealedModelError::NotCompiled { .. } => {
            Some("use compile_model or read_model for a network")
        }
        _ => None,
    }
}

pub(crate) fn network(error: &NetworkError) -> Hint {
    matches!(error, NetworkError::WritesModel { .. })
        .then_some("use this library's own cache: it keeps compiled models sealed")
}

pub(crate) fn tpm(error: &TpmError) -> Hint {
    Some(match error {
        TpmError::Library(_) => "install the TPM software stack (libtss2-esys, libtss2-tctildr)",
        TpmError::Connect { .. } => {
            "access to /dev/tpmrm0 usually takes the group tss; the argument tcti, or OVSEAL_TCTI, names another TPM"
        }
        TpmError::Deadline(_) => "end other programs that use the TPM, or restart the device",
        TpmError::Lockout => "wait until the TPM has forgotten the wrong tries, or let its owner reset them",
        TpmError::AnotherTpm => {
            "open with another key, enroll this device anew, and bind the container again"
        }
        TpmError::PcrChanged(_) => {
            "start the device as it was, or open with another key and bind the container again"
        }
        TpmError::NotApproved { .. } | TpmError::ForgedApproval => {
            "put the approver's approval of this state into the device's folder"
        }
        TpmError::PinMissing => "give the PIN",
        TpmError::WrongPin => "some more wrong ones lock the TPM",
        TpmError::NoRoom { .. } => "use a resource manager (device:/dev/tpmrm0)",
        TpmError::Gone { .. } => "try again when the TPM is back",
        TpmError::NoCounter(_) => {
            "open with another key, enroll this device anew, and bind the container again"
        }
        TpmError::Policy { .. } => "open with another key, and bind the container again",
        TpmError::Epoch { .. } | TpmError::Clock { .. } | TpmError::Integrity => AGAIN,
        _ => return None,
    })
}

pub(crate) fn device(error: &DeviceError) -> Hint {
    match error {
        DeviceError::Tpm(error) => tpm(error),
        DeviceError::NotEnrolled { .. } => Some("make the device's keys once with: ovseal device enroll"),
        _ => None,
    }
}

fn write(error: &io::Error) -> Hint {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("free some space, or write to another disk")
        }
        io::ErrorKind::PermissionDenied => Some("the folder must be writable for you"),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Some("the folder must exist"),
        _ => None,
    }
}
