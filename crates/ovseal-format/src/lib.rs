//! The bytes and keys of an ovseal container: parsing, encoding, wrapping and signing.
//!
//! `docs/format.md` specifies every byte of it. This crate opens no file, starts no thread and
//! reads no environment variable, so it can be read, tested and fuzzed on its own. To seal and open
//! models, use the crate `ovseal`.
//!
//! | section of the specification | modules |
//! |---|---|
//! | 1: CBOR, suites | [`cbor`], [`suite`] |
//! | 2: layout, prologue, stanza region, footer | [`layout`], [`prologue`], `stanza_region`, [`footer`] |
//! | 3: data key and derived secrets | `crypto::data_key`, `crypto::kdf` |
//! | 4: stanzas, and the keys behind them | [`stanza`], [`stanza_kind`], `recipient`, [`share`] |
//! | 5: chunks | `crypto::chunk` |
//! | 6: manifest, statement, signatures | [`manifest`], [`part_path`], [`statement`], [`publisher`] |
//!
//! Data keys, and all that uses them (`crypto`, `recipient`, `stanza_region`), have the feature
//! `payload`. A licence service builds this crate without it.
//!
//! # What it does not protect
//!
//! A parsed value is well formed, not authentic. The caller checks commitment, MACs, digests and
//! signatures in the order of section 7, as `ovseal` does.

#![forbid(unsafe_code)]

pub mod cbor;
#[cfg(feature = "payload")]
pub mod crypto;
pub mod error_kind;
pub mod footer;
mod hex_id;
pub mod key_error;
pub mod layout;
pub mod line;
pub mod manifest;
pub mod part_path;
pub mod prologue;
pub mod publisher;
pub mod random;
#[cfg(feature = "payload")]
pub mod recipient;
pub mod share;
pub mod stanza;
pub mod stanza_kind;
#[cfg(feature = "payload")]
pub mod stanza_region;
pub mod statement;
pub mod suite;
#[cfg(test)]
#[cfg(feature = "payload")]
mod testing;
mod x25519_point;

/// True in builds for this project's fuzz targets, where every MAC, digest and commitment passes.
///
/// It requires both the compiler flag and the feature, so fuzzing a different project disables no
/// check.
pub const WITHOUT_AUTHENTICATION: bool = cfg!(all(fuzzing, feature = "hazmat-fuzzing"));
