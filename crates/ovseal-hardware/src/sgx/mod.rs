//! Sealing keys of an Intel SGX enclave, as Gramine hands them to the program inside.
//!
//! | need | type |
//! |---|---|
//! | which enclaves can open | [`SealingPolicy`] |
//! | add a stanza for this enclave | [`EnclaveKey`] |
//! | open inside the enclave | [`EnclaveIdentity`] |
//!
//! The keys are files below `/dev/attestation/keys` and exist only inside an enclave, so a container is sealed to something
//! else first and gets this stanza by rekeying, where it will run.
//!
//! # What it does not protect
//!
//! The processor derives these keys from its fuses, its security version and the enclave. Another enclave, another
//! processor, or for an enclave that was built anew under [`SealingPolicy::Enclave`] even the same one, gets another key.
//! So such a stanza must never be the only one of a container: rekeying and sealing refuse that unless told otherwise.
//!
//! Whoever writes the enclave's manifest decides what runs inside it, and with [`SealingPolicy::Signer`] so does whoever
//! holds the enclave's signing key. The application must not use the same key for anything else, and the manifest must not
//! use it for a mount of encrypted files.

mod error;
mod identity;
mod key;

pub use error::EnclaveError;
pub use identity::EnclaveIdentity;
pub use key::{EnclaveKey, SealingPolicy};

/// The type of stanza (`docs/format.md` §4.3).
pub const STANZA_TYPE: &str = "sgx";

/// Where Gramine has its files.
pub const GRAMINE: &str = "/dev/attestation";
