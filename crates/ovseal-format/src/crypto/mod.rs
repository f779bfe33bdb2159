//! Keys, key derivation and encryption (`docs/format.md` §3 and §5).
//!
//! [`data_key`] and [`kdf`] serve everything that wraps a key. [`chunk`] is the only module that
//! encrypts or decrypts a payload; nothing in this crate uses it.

pub mod aead;
pub mod chunk;
pub mod data_key;
pub mod kdf;
