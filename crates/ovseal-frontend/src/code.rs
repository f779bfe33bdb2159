//! The numbers of failures. A number never changes its meaning; new ones may be added.

use ovseal::ErrorKind;

/// The kind of a failure. Its number is also the command's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// An I/O, device, memory or runtime error.
    Environment = 1,
    /// An invalid call or command line.
    Usage = 2,
    /// The container is damaged, truncated, or differs from what its publisher sealed.
    NotAuthentic = 3,
    /// None of the keys opens the container.
    NoKeyFits = 4,
    /// The container does not meet the caller's requirements.
    Denied = 5,
    /// The file is not a container, or needs something that this version does not support.
    Unsupported = 6,
    /// A bug in ovseal.
    Internal = 255,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// The number of a failure: 100 times its [`Kind`], plus a number within the kind. Failures
        /// without a number of their own have 0.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Code {
            $($(#[$doc])* $name = $number,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

codes! {
    /// An environment error without its own number.
    Environment = 100,
    /// A file cannot be read.
    Read = 101,
    /// A file cannot be written.
    Write = 102,
    /// There is not enough memory, or a limit of the host was reached.
    Memory = 103,
    /// The TPM, token or key service that holds a key did not answer.
    KeyHolder = 104,
    /// OpenVINO failed, or was not found.
    Runtime = 105,
    /// A callback of the caller cancelled the call.
    Cancelled = 106,
    /// Another process has locked the container, or changed it in the meantime.
    Busy = 107,
    /// A usage error without its own number.
    Usage = 200,
    /// A string or byte sequence is not a key of the expected kind.
    BadKey = 201,
    /// There is no recipient, so no one could open the container.
    NoRecipient = 202,
    /// The container has no such part.
    NoSuchPart = 203,
    /// A range or a buffer does not fit the part.
    OutOfRange = 204,
    /// The container has several models, and none was specified.
    SeveralModels = 205,
    /// The model's files cannot be sealed as they are.
    BadModel = 206,
    /// A requirement needs a trusted publisher.
    NoPublisher = 207,
    /// The output already exists.
    Exists = 208,
    /// An object was used after it was closed.
    Closed = 209,
    /// An object was used in a forked child, which has none of its memory.
    Forked = 210,
    /// A pointer is null, or a string is not UTF-8.
    BadArgument = 211,
    /// A property would make OpenVINO write the model to disk.
    WritesModel = 212,
    /// No publisher is specified, and accepting any sender was not requested.
    SenderNotNamed = 213,
    /// An authenticity error without its own number.
    NotAuthentic = 300,
    /// The container is truncated.
    Truncated = 301,
    /// A section is malformed, or its checksum is wrong.
    Damaged = 302,
    /// A chunk of a part is not authentic.
    Chunk = 303,
    /// A trusted publisher's signature is wrong.
    Signature = 304,
    /// The side file is damaged or belongs to another container.
    SideFile = 305,
    /// Stanzas are pending next to the container, and are not adopted automatically.
    Waiting = 306,
    /// None of the keys opens the container.
    NoKeyFits = 400,
    /// The hardware that holds the key does not allow its use now.
    Refused = 401,
    /// A passphrase's stanza exceeds the limit for key derivation, and no other stanza fits.
    KdfLimit = 402,
    /// An unmet requirement without its own number.
    Denied = 500,
    /// The container is not signed.
    Unsigned = 501,
    /// The container is signed by other publishers.
    Untrusted = 502,
    /// A trusted publisher has not signed with every algorithm of its key.
    SignatureMissing = 503,
    /// The container holds another model.
    WrongName = 504,
    /// The security version is too low.
    SecurityVersion = 505,
    /// The rollback state is missing or damaged.
    Rollback = 506,
    /// Something unsupported without its own number.
    Unsupported = 600,
    /// The file is not a container.
    NotAContainer = 601,
    /// The container has an unsupported version, suite or flag.
    Version = 602,
    /// The container or the part is not a model that OpenVINO can read from memory.
    NotAModel = 603,
    /// A bug in ovseal.
    Internal = 25500,
}

impl Code {
    /// Returns the number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// Returns the kind.
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

    /// Returns the number for errors of this kind without their own number.
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

    /// Returns the number of a failure of the hardware that holds a key.
    pub(crate) const fn of_key_holder(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NoKeyFits => Self::Refused,
            ErrorKind::Environment => Self::KeyHolder,
            kind => Self::rest(kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_are_unique_and_belong_to_their_kind() {
        let numbers: HashSet<u32> = Code::ALL.iter().map(|code| code.number()).collect();
        assert_eq!(numbers.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(code.kind() as u32, code.number() / 100, "{code:?}");
        }
    }
}
