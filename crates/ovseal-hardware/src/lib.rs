//! Keys that hardware holds, joined to the container only through the traits [`Recipient`](ovseal::Recipient) and
//! [`Identity`](ovseal::Identity).
//!
//! Each back end is a feature. None of them needs a system library to build: what a back end talks to is loaded, or opened,
//! when the program runs.

#[cfg(feature = "sgx")]
pub mod evidence;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
#[cfg(feature = "sgx")]
pub mod sgx;
#[cfg(feature = "tpm2")]
pub mod tpm2;
