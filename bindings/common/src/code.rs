//! The numbers of failures. A number keeps its meaning for ever; new ones are added.

use ovseal::{ErrorKind, ModelError, OpenError, RekeyError, RollbackError, SealError, UnwrapError};
use ovseal_openvino::{CacheError, NetworkError, SealedModelError};

/// Whose fault a failure is, with the number that is also the command's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A file, a device, memory, the runtime.
    Environment = 1,
    /// The call makes no sense.
    Usage = 2,
    /// The container is damaged, truncated, or not what its publisher made.
    NotAuthentic = 3,
    /// None of the keys opens the container.
    NoKeyFits = 4,
    /// The caller's demands refuse the container.
    Denied = 5,
    /// The file is no container, or has something that this version does not know.
    Unsupported = 6,
    /// A bug of this library.
    Internal = 255,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// What went wrong: 100 times the number of its [`Kind`], and a number within it that is 0 for the rest.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Code {
            $($(#[$doc])* $name = $number,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

codes! {
    /// The environment: everything that has no number of its own.
    Environment = 100,
    /// A file cannot be read.
    Read = 101,
    /// A file cannot be written.
    Write = 102,
    /// There is too little memory, or a host's limit on it.
    Memory = 103,
    /// What holds a key did not answer: a TPM, a token, a key service.
    KeyHolder = 104,
    /// OpenVINO refused, or cannot be found.
    Runtime = 105,
    /// The call was cancelled by a call-back of the caller.
    Cancelled = 106,
    /// Another process has the container locked, or changed it meanwhile.
    Busy = 107,
    /// The call makes no sense: everything that has no number of its own.
    Usage = 200,
    /// Text or bytes are no key of the expected kind.
    BadKey = 201,
    /// Nobody could open what was to be sealed.
    NoRecipient = 202,
    /// The container has no such part.
    NoSuchPart = 203,
    /// A range or a buffer does not fit the part.
    OutOfRange = 204,
    /// The container has several models, and none was named.
    SeveralModels = 205,
    /// The model's files are not as they should be.
    BadModel = 206,
    /// A demand needs a trusted publisher.
    NoPublisher = 207,
    /// The output is there already.
    Exists = 208,
    /// An object was used after it was closed.
    Closed = 209,
    /// An object was used in a forked child, which has none of its memory.
    Forked = 210,
    /// A pointer is null, or a text is no UTF-8.
    BadArgument = 211,
    /// A property would make OpenVINO write the model to disk.
    WritesModel = 212,
    /// No publisher is named, nor any sender accepted explicitly.
    SenderNotNamed = 213,
    /// Something is not authentic: everything that has no number of its own.
    NotAuthentic = 300,
    /// The container has no end.
    Truncated = 301,
    /// A section is malformed, or its checksum is wrong.
    Damaged = 302,
    /// A chunk of a part is not authentic.
    Chunk = 303,
    /// A trusted publisher's signature is wrong.
    Signature = 304,
    /// The side file is damaged or another container's.
    SideFile = 305,
    /// Stanzas wait next to the container that a rekeying may not take over by itself.
    Waiting = 306,
    /// None of the keys opens the container.
    NoKeyFits = 400,
    /// The hardware that holds the key does not let it be used now.
    Refused = 401,
    /// A passphrase's stanza exceeds the limit for key derivation, and no other one fits.
    KdfLimit = 402,
    /// The caller's demands refuse the container: everything that has no number of its own.
    Denied = 500,
    /// The container is not signed.
    Unsigned = 501,
    /// The container is signed by others.
    Untrusted = 502,
    /// A trusted publisher has not signed with every algorithm of its key.
    SignatureMissing = 503,
    /// The container holds another model.
    WrongName = 504,
    /// The security version is too low.
    SecurityVersion = 505,
    /// The rollback state is missing or damaged.
    Rollback = 506,
    /// This version does not know it: everything that has no number of its own.
    Unsupported = 600,
    /// The file is no container.
    NotAContainer = 601,
    /// The container has another version, suite or flag.
    Version = 602,
    /// The container, or the part, is no model that OpenVINO reads from memory.
    NotAModel = 603,
    /// A bug of this library.
    Internal = 25500,
}

impl Code {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self.number() / 100 {
            1 => Kind::Environment,
            2 => Kind::Usage,
            3 => Kind::NotAuthentic,
            4 => Kind::NoKeyFits,
            5 => Kind::Denied,
            6 => Kind::Unsupported,
            _ => Kind::Internal,
        }
    }

    /// The number for the rest of a kind.
    pub(crate) const fn rest(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Environment => Self::Environment,
            ErrorKind::Usage => Self::Usage,
            ErrorKind::NotAuthentic => Self::NotAuthentic,
            ErrorKind::NoKeyFits => Self::NoKeyFits,
            ErrorKind::Denied => Self::Denied,
            ErrorKind::Unsupported => Self::Unsupported,
        }
    }
}

impl From<&OpenError> for Code {
    fn from(error: &OpenError) -> Self {
        match error {
            OpenError::Read { .. } => Self::Read,
            OpenError::Memory(_) | OpenError::Unwrap(UnwrapError::Memory { .. }) => Self::Memory,
            OpenError::Unwrap(UnwrapError::Backend(_)) => Self::KeyHolder,
            OpenError::Unwrap(UnwrapError::Refused(_)) => Self::Refused,
            OpenError::NoSuchPart(_) => Self::NoSuchPart,
            OpenError::OutOfRange { .. } => Self::OutOfRange,
            OpenError::DemandWithoutPublisher | OpenError::NoPublisher => Self::NoPublisher,
            OpenError::SenderNotNamed { .. } => Self::SenderNotNamed,
            OpenError::Truncated => Self::Truncated,
            OpenError::Damaged(_) => Self::Damaged,
            OpenError::Chunk { .. } => Self::Chunk,
            OpenError::Signature(_) => Self::Signature,
            OpenError::SideFile { .. } => Self::SideFile,
            OpenError::Unsigned => Self::Unsigned,
            OpenError::Untrusted | OpenError::NotForPublisher(_) => Self::Untrusted,
            OpenError::KdfLimit { .. } => Self::KdfLimit,
            OpenError::SignatureMissing(_) => Self::SignatureMissing,
            OpenError::WrongName { .. } => Self::WrongName,
            OpenError::SecurityVersion { .. } => Self::SecurityVersion,
            OpenError::Rollback(error) => error.into(),
            OpenError::NotAContainer => Self::NotAContainer,
            OpenError::Version(_) | OpenError::Suite(_) | OpenError::Flags(_) => Self::Version,
            error => Self::rest(error.kind()),
        }
    }
}

impl From<&RollbackError> for Code {
    fn from(error: &RollbackError) -> Self {
        match error {
            RollbackError::Write { .. } => Self::Write,
            RollbackError::Locked { .. } => Self::Busy,
            error if error.kind() == ErrorKind::Denied => Self::Rollback,
            error => Self::rest(error.kind()),
        }
    }
}

impl From<&SealError> for Code {
    fn from(error: &SealError) -> Self {
        match error {
            SealError::NoRecipient => Self::NoRecipient,
            SealError::Read { .. } => Self::Read,
            SealError::Write(_) if error.kind() == ErrorKind::Usage => Self::Exists,
            SealError::Write(_) => Self::Write,
            SealError::Memory(_) => Self::Memory,
            SealError::Sign(_) | SealError::Wrap(ovseal::WrapError::Backend(_)) => Self::KeyHolder,
            SealError::Cancelled => Self::Cancelled,
            error => Self::rest(error.kind()),
        }
    }
}

impl From<&ModelError> for Code {
    fn from(error: &ModelError) -> Self {
        match error {
            ModelError::Read { .. } => Self::Read,
            error if error.kind() == ErrorKind::Usage => Self::BadModel,
            error => Self::rest(error.kind()),
        }
    }
}

impl From<&RekeyError> for Code {
    fn from(error: &RekeyError) -> Self {
        match error {
            RekeyError::Open(error) => error.into(),
            RekeyError::Write { .. } => Self::Write,
            RekeyError::Wrap(ovseal::WrapError::Backend(_)) => Self::KeyHolder,
            RekeyError::LastStanza => Self::NoRecipient,
            RekeyError::Waiting(_) => Self::Waiting,
            RekeyError::Locked { .. } | RekeyError::Replaced { .. } => Self::Busy,
            RekeyError::GenerationChanged { .. } => Self::Busy,
            error => Self::rest(error.kind()),
        }
    }
}

impl From<&SealedModelError> for Code {
    fn from(error: &SealedModelError) -> Self {
        match error {
            SealedModelError::Open(error) => error.into(),
            SealedModelError::Model(error) => error.into(),
            SealedModelError::SeveralModels { .. } => Self::SeveralModels,
            SealedModelError::NoModel
            | SealedModelError::NotAModel { .. }
            | SealedModelError::Compiled { .. }
            | SealedModelError::NoCompiledModel
            | SealedModelError::NotCompiled { .. } => Self::NotAModel,
            error => Self::rest(error.kind()),
        }
    }
}

impl From<&NetworkError> for Code {
    fn from(error: &NetworkError) -> Self {
        match error {
            NetworkError::Runtime(_) => Self::Runtime,
            NetworkError::Memory(_) => Self::Memory,
            NetworkError::WritesModel { .. } => Self::WritesModel,
            error => Self::rest(error.kind()),
        }
    }
}

impl From<&CacheError> for Code {
    fn from(error: &CacheError) -> Self {
        match error {
            CacheError::Container(error) => error.into(),
            CacheError::Seal(error) => error.into(),
            CacheError::Device(_) | CacheError::Export(_) => Self::Runtime,
            _ => Self::Environment,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_number_is_of_its_kind_and_stands_once() {
        let numbers: HashSet<u32> = Code::ALL.iter().map(|code| code.number()).collect();
        assert_eq!(numbers.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(code.kind() as u32, code.number() / 100, "{code:?}");
        }
    }
}
