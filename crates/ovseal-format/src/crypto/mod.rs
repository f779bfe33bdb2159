//! Keys, key derivation and encryption (`docs/format.md` §3 and §5).
//!
//! [`data_key`] and [`kdf`] serve everything that wraps a key. Only [`chunk`] encrypts and decrypts
//! payloads. No other module of this crate uses it: wrapping keys stays apart from payloads.

pub mod aead;
pub mod chunk;
pub mod data_key;
pub mod kdf;
