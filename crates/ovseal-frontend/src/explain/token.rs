//! PKCS#11 tokens, which only the command uses.

use ovseal_hardware::pkcs11::{TokenError, UriError};

use super::{Explain, FrontEnd};
use crate::Code;

impl Explain for TokenError {
    fn code(&self) -> Code {
        Code::of_key_holder(self.kind())
    }

    fn hint(&self, _: FrontEnd) -> Option<String> {
        let hint = match self {
            Self::Module { .. } => {
                "specify the token's module with --pkcs11-module FILE or OVSEAL_PKCS11_MODULE"
            }
            Self::NoToken { .. } => "plug the token in; ovseal doctor lists the tokens",
            Self::AmbiguousToken { .. } => "add the serial number to the URI; ovseal doctor lists the tokens",
            Self::PinWrong { .. } => "check the PIN before you try again: too many wrong ones lock the token",
            Self::PinLocked => "ask the token's security officer to unlock it, usually with a PUK",
            Self::NoKey { .. } => "create a key with ovseal token keygen",
            Self::AmbiguousKey { .. } => "add the key's object or id to the URI",
            Self::NoLabel => "add the label as object=NAME",
            Self::KeyExists { .. } => "choose another label as the URI's object",
            Self::Removed => "plug the token in again, and run the command again",
            Self::Unanswered => {
                "touch the token if it waits for that; otherwise unplug it and plug it in again"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl Explain for UriError {
    fn code(&self) -> Code {
        Code::Usage
    }

    fn hint(&self, _: FrontEnd) -> Option<String> {
        let hint = match self {
            Self::Scheme => "for example pkcs11:token=edge-7;object=model",
            Self::Pin => {
                "leave out pin-value, and give the PIN with --pin-file F or when asked; change it if others may \
                 have seen it"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
