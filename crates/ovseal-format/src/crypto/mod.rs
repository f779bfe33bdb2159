//! Keys, key derivation and encryption (`docs/format.md` §3 and §5).
//!
//! Everything that wraps a key uses [`data_key`] and [`kdf`]. Only [`chunk`] encrypts and decrypts
//! payloads. No other module of this crate uses [`chunk`], so wrapping keys stays separate from
//! payloads.

pub mod aead;
pub mod chunk;
pub mod data_key;
pub mod kdf;
