//! Rules of licences and products. The service stores these, and a lease carries some of them.

use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};

use crate::values::cbor_as;

/// The level of a device (`docs/license-protocol.md` §1), in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Keys in files, or in a token.
    Software = 0,
    /// Keys in a TPM with an endorsement key.
    Tpm = 1,
    /// The same, with a measured state. Reserved.
    Measured = 2,
    /// A key in an enclave. Reserved.
    Enclave = 3,
}

/// The effect of the licence's own date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryPolicy {
    /// No lease is granted any more.
    Stop,
    /// Leases are granted with a warning until the licence is revoked.
    Warn,
}

/// The effect of a recall on a running program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecallPolicy {
    /// It is told.
    Warn,
    /// It is stopped at the next check.
    Stop,
}

/// When a seat goes on to another device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatRelease {
    /// After `hard_until`, too.
    Time,
    /// Only after a return with proof, or by the operator.
    Proof,
}

/// The consequence for a device whose state was copied or restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyPolicy {
    /// The operator is told.
    Warn,
    /// The request is refused.
    Refuse,
}

/// Which containers of a product get a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleasePolicy {
    /// All that the publisher sealed to the product.
    Any,
    /// Those whose `ctx` was registered.
    Registered,
}

impl Level {
    /// All levels, in ascending order.
    pub const ALL: [Self; 4] = [Self::Software, Self::Tpm, Self::Measured, Self::Enclave];

    /// Returns the level with this number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|&level| level as u64 == number)
    }

    /// Returns its name on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Tpm => "tpm",
            Self::Measured => "measured",
            Self::Enclave => "enclave",
        }
    }
}

cbor_as!(Level, u64, |level| *level as u64, Level::from_number);
