//! Sealing keys of an Intel SGX enclave, provided by Gramine.
//!
//! | task | type |
//! |---|---|
//! | choose the enclaves that can open | [`SealingPolicy`] |
//! | add a stanza for this enclave | [`EnclaveKey`] |
//! | open inside the enclave | [`EnclaveIdentity`] |
//!
//! The keys are files below `/dev/attestation/keys` and exist only inside an enclave. Seal
//! a container to another key first. Rekey it inside the enclave to add this stanza.
//!
//! # What it does not protect
//!
//! The processor derives these keys from its fuses, its security version and the enclave. A
//! different enclave or a different processor gets a different key. With
//! [`SealingPolicy::Enclave`], so does a new build of the same enclave. Such a stanza must
//! therefore never be a container's only one. Sealing and rekeying reject such a container, unless
//! the caller allows it.
//!
//! The author of the enclave's manifest decides what runs inside. With [`SealingPolicy::Signer`],
//! so does anyone who holds the enclave's signing key. The application must not use the same key
//! for anything else, and the manifest must not use it for a mount of encrypted files.

mod error;
mod identity;
mod key;

pub use error::EnclaveError;
pub use identity::EnclaveIdentity;
pub use key::{EnclaveKey, SealingPolicy};

/// The type of stanza (`docs/format.md` §4.3).
pub const STANZA_TYPE: &str = "sgx";

/// Directory of Gramine's files.
pub const GRAMINE: &str = "/dev/attestation";
