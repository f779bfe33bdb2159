//! Errors of the service (`docs/license-protocol.md` §13).

use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};
use ovseal_format::cbor;

use crate::time::Time;
use crate::values::{self, Malformed, Nullable, Number, Rules, cbor_as};

const TEXT_LIMIT: usize = 256;

/// An error of the service. It is not signed, so it changes nothing that a client has stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The code, by which alone a client decides.
    pub code: Code,
    /// The same in words: at most 256 bytes.
    pub detail: String,
    /// The number of seconds to wait.
    pub wait: Option<Number>,
    /// The time that `code` refers to.
    pub time: Option<Time>,
    /// The address that `code` refers to: at most 256 bytes.
    pub address: Option<String>,
}

/// Defines the codes with their texts and HTTP statuses.
macro_rules! codes {
    ($($(#[$documentation:meta])* $code:ident = $text:literal, $status:literal;)*) => {
        /// The code of an error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$documentation])* $code,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// Returns its text.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$code => $text,)*
                }
            }

            /// Returns its HTTP status.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$code => $status,)*
                }
            }
        }
    };
}

codes! {
    /// A message cannot be parsed, or exceeds a limit.
    Malformed = "malformed", 400;
    /// The body is too long.
    TooLarge = "too-large", 413;
    /// The device has asked too often.
    Rate = "rate", 429;
    /// Device, licence, voucher or key is unknown, or a proof is wrong.
    Refused = "refused", 403;
    /// The TPM's keys or certificates do not suffice.
    Enrolment = "enrolment", 403;
    /// The device was enrolled again with other keys.
    Replaced = "replaced", 403;
    /// The device was revoked.
    DeviceRevoked = "device-revoked", 403;
    /// The licence is suspended.
    Suspended = "suspended", 403;
    /// The licence was revoked.
    Revoked = "revoked", 403;
    /// The licence has ended.
    Expired = "expired", 403;
    /// The licence has not begun.
    NotYet = "not-yet", 403;
    /// The licence does not have the product, or the release is not registered.
    NotLicensed = "not-licensed", 403;
    /// The device's level is too low.
    Level = "level", 403;
    /// All seats are taken.
    SeatsFull = "seats-full", 403;
    /// The device's state was copied or restored.
    Copied = "copied", 403;
    /// The TPM's clock or counter is below what it was.
    Clock = "clock", 403;
    /// The device has not counted up before its return.
    NotCounted = "not-counted", 403;
    /// The licence has no returns left.
    NoReturns = "no-returns", 403;
    /// The challenge is unknown, expired or spent.
    Challenge = "challenge", 409;
    /// Another request has the same id.
    Conflict = "conflict", 409;
    /// All requested releases were recalled.
    Recalled = "recalled", 410;
    /// Parameters, context and release keys do not belong together.
    DoesNotOpen = "does-not-open", 422;
    /// The service cannot answer now.
    Unavailable = "unavailable", 503;
    /// The service was restored from a backup.
    Restored = "restored", 503;
    /// The service does not know whether it granted the request.
    UnknownOutcome = "unknown-outcome", 503;
}

impl Code {
    /// Returns true if a client repeats the very same request later.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::Unavailable | Self::UnknownOutcome)
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.text() == text)
    }
}

cbor_as!(Code, String, |code| code.text().to_owned(), |text| Code::parse(&text));

impl Problem {
    /// Parses an error.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that are not one, or have an unknown code.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let Wire { code, detail, wait, time, address } = values::parse(bytes)?;
        Ok(Self { code, detail, wait: wait.0, time: time.0, address: address.0 })
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(&Wire {
            code: self.code,
            detail: self.detail.clone(),
            wait: Nullable(self.wait),
            time: Nullable(self.time),
            address: Nullable(self.address.clone()),
        })
    }
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Wire {
    #[n(0)]
    code: Code,
    #[n(1)]
    detail: String,
    #[n(2)]
    wait: Nullable<Number>,
    #[n(3)]
    time: Nullable<Time>,
    #[n(4)]
    address: Nullable<String>,
}

impl Rules for Wire {
    const LIMIT: usize = 1024;

    fn hold(&self) -> bool {
        let address = self.address.0.as_ref().is_none_or(|address| address.len() <= TEXT_LIMIT);
        self.detail.len() <= TEXT_LIMIT && address
    }
}
