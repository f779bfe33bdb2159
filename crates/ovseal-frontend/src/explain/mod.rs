//! The number of each error, and advice on it, in one place.

#[cfg(feature = "mount")]
mod mount;
#[cfg(feature = "pkcs11")]
mod token;

mod hardware;
mod open;
mod rekey;
mod runtime;
mod seal;

use std::error::Error;
use std::io;

use ovseal::{DeviceSecretError, KeyError, ModelNameError, RandomnessError};
use ovseal_hardware::tpm2::TpmError;
use ovseal_memory::MemoryError;

use crate::Code;

pub use open::keys_hint;

/// An error that a front end shows to its users.
pub trait Explain: Error {
    /// Returns the number of the failure.
    fn code(&self) -> Code;

    /// Returns advice for users of `front_end`, if a remedy is known.
    fn hint(&self, front_end: FrontEnd) -> Option<String> {
        let _ = front_end;
        None
    }
}

/// The front end that shows an error. The remedy is an option of the command, or an argument of a
/// function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontEnd {
    /// The command `ovseal`.
    Command,
    /// A library for C, C++ or Python.
    Library,
}

impl FrontEnd {
    /// Returns the remedy in the words of this front end.
    const fn say(self, command: &'static str, library: &'static str) -> &'static str {
        match self {
            Self::Command => command,
            Self::Library => library,
        }
    }
}

macro_rules! codes {
    ($($error:ty => $code:ident,)*) => {
        $(impl Explain for $error {
            fn code(&self) -> Code {
                Code::$code
            }
        })*
    };
}
use codes;

codes! {
    KeyError => BadKey,
    ModelNameError => Usage,
    RandomnessError => Environment,
    MemoryError => Memory,
}

impl Explain for DeviceSecretError {
    fn code(&self) -> Code {
        Code::rest(self.kind())
    }
}

/// Returns advice for a file that cannot be written.
#[must_use]
pub fn write_hint(error: &io::Error) -> Option<String> {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: free some space, or write to another disk"
        }
        io::ErrorKind::FileTooLarge => {
            "write to a file system that allows files of this size, and check ulimit -f"
        }
        io::ErrorKind::PermissionDenied => "check that you may write to the directory",
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "create the directory first",
        io::ErrorKind::ReadOnlyFilesystem => "write to another disk",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Returns advice about the device or service that holds a key.
fn key_holder_hint(error: &(dyn Error + Send + Sync + 'static), front_end: FrontEnd) -> Option<String> {
    #[cfg(feature = "pkcs11")]
    if let Some(error) = error.downcast_ref::<ovseal_hardware::pkcs11::TokenError>() {
        return error.hint(front_end);
    }
    error.downcast_ref::<TpmError>()?.hint(front_end)
}

const GET_AGAIN: &str = "get the container again from its publisher";
const MORE_MEMORY: &str = "free some memory, or raise this process's limit";

/// Returns advice against mixing classical with post-quantum public keys.
const fn mixed_hint(front_end: FrontEnd) -> &'static str {
    front_end.say(
        "leave out the classical recipients (age1…), or allow them with --allow-mixed: a quantum computer \
         could then open the container",
        "leave out the classical recipients (age1…), or allow mixing them: a quantum computer could then open \
         the container",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_has_a_remedy() {
        let full = io::Error::from_raw_os_error(28);
        assert_eq!(write_hint(&full).unwrap(), "the disk is full: free some space, or write to another disk");
    }
}
