//! Keys that hardware holds, joined to the container only through the traits [`Recipient`](ovseal::Recipient) and
//! [`Identity`](ovseal::Identity).
//!
//! | need | module, and feature |
//! |---|---|
//! | a device's TPM 2.0 | `tpm2` |
//! | a smart card, a USB token, an HSM; also to sign | `pkcs11` |
//! | an SGX enclave under Gramine | `sgx` |
//! | quotes and reports for whoever verifies them | `evidence`, with the feature `sgx` |
//!
//! Each back end is a feature. None of them needs a system library to build: what a back end talks to is loaded, or opened,
//! when the program runs.
//!
//! # What it does not protect
//!
//! Hardware keeps its key, and uses it for whoever controls the running device. The data key that it gives is in memory from
//! then on, as with any other kind of key, and opens every copy of that container. What each back end adds stands on its page.

#[cfg(feature = "sgx")]
pub mod evidence;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
#[cfg(feature = "sgx")]
pub mod sgx;
#[cfg(feature = "tpm2")]
pub mod tpm2;
