//! Shares of a `license` stanza's secret, encrypted to a licence service (`docs/format.md` §4.6).
//!
//! A licence service links this module, and nothing here uses data keys or payloads.

mod kem;
mod parameters;

pub use kem::{Kem, KemPrivateKey, KemPublicKey, SEALED_OVERHEAD, ShareError};
pub use parameters::{LicenseParameters, ProductId, ReleaseKeyId, SealedShare};

/// Length of a share, in bytes.
pub const SHARE_LENGTH: usize = 32;

/// Greatest number of shares of a stanza.
pub const SHARE_LIMIT: usize = 2;
