//! Keys held by hardware.
//!
//! These keys work with containers only through the traits [`Recipient`](ovseal::Recipient) and
//! [`Identity`](ovseal::Identity).
//!
//! | hardware | module | feature |
//! |---|---|---|
//! | a device's TPM 2.0 | `tpm2` | `tpm2` |
//! | a smart card, a USB token or an HSM, also for signing | `pkcs11` | `pkcs11` |
//! | an SGX enclave under Gramine | `sgx` | `sgx` |
//! | quotes and reports for a remote verifier | `evidence` | `sgx` |
//!
//! No back end needs a system library to build. Libraries are loaded, and devices opened, when the
//! program runs.
//!
//! # What it does not protect
//!
//! Hardware never reveals its key, but uses it for anyone who controls the running device. The data
//! key that it unwraps is in memory from then on, as with any other kind of key. The data key opens
//! every copy of that container. Each back end documents its own protection.

#[cfg(feature = "sgx")]
pub mod evidence;
#[cfg(any(feature = "pkcs11", feature = "sgx", feature = "tpm2"))]
mod lock;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
#[cfg(feature = "sgx")]
pub mod sgx;
#[cfg(feature = "tpm2")]
mod sys;
#[cfg(feature = "tpm2")]
pub mod tpm2;
