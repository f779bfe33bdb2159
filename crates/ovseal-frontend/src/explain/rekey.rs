//! Containers that cannot be rekeyed.

use ovseal::{RekeyError, WrapError};

use super::{Explain, FrontEnd, MORE_MEMORY, mixed_hint, write_hint};
use crate::Code;

impl Explain for RekeyError {
    fn code(&self) -> Code {
        match self {
            Self::Open(error) => error.code(),
            Self::Write { .. } => Code::Write,
            Self::Wrap(WrapError::Backend(_)) => Code::KeyHolder,
            Self::LastStanza => Code::NoRecipient,
            Self::Waiting(_) => Code::Waiting,
            Self::Locked { .. } | Self::Replaced { .. } | Self::GenerationChanged { .. } => Code::Busy,
            error => Code::rest(error.kind()),
        }
    }

    fn hint(&self, to: FrontEnd) -> Option<String> {
        let hint = match self {
            Self::Open(error) => return error.hint(to),
            Self::LastStanza => to.say(
                "add another key with --add-recipient, --add-passphrase-file or --add-keyfile",
                "add another key",
            ),
            Self::TooManyStanzas => to.say("remove stanzas with --remove N", "remove stanzas"),
            Self::NoRoom { .. } => to.say(
                "remove stanzas with --remove N, or seal the model again",
                "remove stanzas, or seal the model again",
            ),
            Self::MixedRecipients => mixed_hint(to),
            Self::OnlyEnclave => {
                to.say("keep another stanza, or allow it with --allow-only-sgx", "keep another stanza")
            }
            Self::OnlyLicense => "keep another stanza, such as one for a key to recover the model",
            Self::Locked { .. } => "wait until the other process has finished",
            Self::GenerationChanged { .. } => to.say(
                "look at the stanzas again with ovseal inspect FILE, and choose again",
                "inspect the container again, and choose again",
            ),
            Self::NotRegular { .. } => to.say(
                "give the path of the container itself; readlink -f shows where a link points",
                "give the path of the container itself",
            ),
            Self::HardLinks { .. } => "rekey a copy of the file",
            Self::ForeignRekeyFile { .. } => to.say(
                "move that file away if you know where it comes from, or remove it with --discard-waiting",
                "discard the pending stanzas, which removes that file",
            ),
            Self::Waiting(waiting) if waiting.own_generation.is_none() => to.say(
                "if you know where that file comes from, adopt its stanzas with --finish-waiting; otherwise \
                 get the container again from its publisher",
                "if you know where that file comes from, adopt its stanzas; otherwise get the container again from its \
                 publisher",
            ),
            Self::Waiting(_) => to.say(
                "remove that file with --discard-waiting; adopt its stanzas with --finish-waiting only if you \
                 know where it comes from",
                "discard the pending stanzas; adopt them only if you know where that file comes from",
            ),
            Self::Write { source, .. } => return write_hint(source),
            Self::Wrap(WrapError::Memory { .. }) => MORE_MEMORY,
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
