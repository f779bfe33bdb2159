//! Models that cannot be sealed or converted.

use ovseal::onnx::OnnxError;
use ovseal::{ErrorKind, ModelError, SealError, SignError, WrapError};
use ovseal_openvino::ConvertError;

use super::{Explain, FrontEnd, MORE_MEMORY, key_holder_hint, mixed_hint, write_hint};
use crate::Code;

impl Explain for SealError {
    fn code(&self) -> Code {
        match self {
            Self::NoRecipient => Code::NoRecipient,
            Self::Read { .. } => Code::Read,
            Self::Write(_) if self.kind() == ErrorKind::Usage => Code::Exists,
            Self::Write(_) => Code::Write,
            Self::Memory(_) => Code::Memory,
            Self::Sign(_) | Self::Wrap(WrapError::Backend(_)) => Code::KeyHolder,
            Self::Cancelled => Code::Cancelled,
            error => Code::rest(error.kind()),
        }
    }

    fn hint(&self, to: FrontEnd) -> Option<String> {
        let hint = match self {
            Self::NoRecipient => to.say(
                "give at least one of -r RECIPIENT, -R F, -p, --passphrase-file F, --keyfile F",
                "specify at least one recipient",
            ),
            Self::MixedRecipients => mixed_hint(to),
            Self::OnlyLicense => "add another recipient, such as a key to recover the model",
            Self::KeyInModel { .. } => to.say(
                "move it out of the model's directory, or leave it out with --exclude",
                "move it out of the model's directory, or exclude it",
            ),
            Self::Irreplaceable { .. } => to.say(
                "remove it first, or give the container a different name with -o",
                "remove it first, or give the container a different name",
            ),
            Self::OutputIsInput | Self::OutputIsKey => {
                to.say("give the container a different name with -o", "give the container a different name")
            }
            Self::Write(source) => return write_hint(source),
            Self::Sign(SignError::Backend(source)) => return key_holder_hint(&**source, to),
            Self::Wrap(WrapError::Memory { .. }) | Self::Memory(_) => MORE_MEMORY,
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl Explain for ModelError {
    fn code(&self) -> Code {
        match self {
            Self::Read { .. } => Code::Read,
            error if error.kind() == ErrorKind::Usage => Code::BadModel,
            error => Code::rest(error.kind()),
        }
    }

    fn hint(&self, to: FrontEnd) -> Option<String> {
        let hint = match self {
            Self::MissingWeights { .. } => to.say(
                "put the file next to its topology, or seal the topology alone with --only",
                "put the file next to its topology",
            ),
            Self::Symlink { .. } => to.say(
                "seal what it points to with --follow-symlinks",
                "seal what it points to, or allow following links",
            ),
            Self::FolderNotFile { .. } => {
                to.say("leave out --only to seal the whole directory", "specify the file itself")
            }
            Self::PrivateKey { .. } => to.say(
                "move it out of the model's directory, or leave it out with --exclude; --dry-run lists what would \
                 be sealed",
                "move it out of the model's directory, or exclude it",
            ),
            Self::AllLeftOut { .. } => to.say(
                "seal it anyway with --include-everything",
                "include everything, or specify the file itself",
            ),
            Self::Pattern { .. } => "write the pattern as in .gitignore, without ! or # at its beginning",
            Self::Name { .. } | Self::Path(_) => "rename the file",
            Self::PathOnly { path, .. } if to == FrontEnd::Command && path.ends_with("saved_model.pb") => {
                "seal its directory instead, with --optimize: TensorFlow's weights are next to the graph"
            }
            Self::PathOnly { format, .. } if format.is_convertible() => to.say(
                "convert it to IR while sealing, with --optimize; or seal the file as it is with --only, \
                 but then ovseal run cannot open it",
                "convert it to IR while sealing: ovseal seal --optimize",
            ),
            Self::PathOnly { .. } => to.say(
                "export the original model to IR, for example with optimum-cli export openvino; or seal \
                 the file as it is with --only, but then ovseal run cannot open it",
                "export the original model to IR, for example with optimum-cli export openvino",
            ),
            Self::GitLfsPointer { .. } => "fetch the file first: git lfs pull",
            Self::Ir { .. } | Self::Paddle { .. } => {
                "export the model again, or copy its files again: they do not belong together"
            }
            Self::Onnx { source: OnnxError::MissingFile { .. }, .. } => to.say(
                "put the file next to the model, and leave out --only",
                "put the file next to the model",
            ),
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl Explain for ConvertError {
    fn code(&self) -> Code {
        Code::rest(self.kind())
    }

    fn hint(&self, _: FrontEnd) -> Option<String> {
        let hint = match self {
            Self::NoInterpreter => "install Python 3 and OpenVINO's package: python3 -m pip install openvino",
            Self::NoPackage { .. } => {
                "install it: python3 -m pip install openvino; or activate the environment in which it is \
                 installed"
            }
            Self::Memory(_) => MORE_MEMORY,
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
