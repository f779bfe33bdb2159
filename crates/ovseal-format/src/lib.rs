//! The ovseal container as bytes and keys: parsing, encoding, wrapping and signing.
//!
//! This crate is specified byte by byte in `docs/format.md`. It opens no file, starts no thread and
//! reads no environment variable, so that all of it can be read, tested and fuzzed by itself. Use the
//! crate `ovseal` to seal and open models.
//!
//! | section of the specification | module |
//! |---|---|
//! | 1: suites, CBOR, key derivation | [`suite`], [`cbor`], [`crypto`] |
//! | 2: layout, prologue, stanza region, footer | [`layout`], [`prologue`], [`stanza_region`], [`footer`] |
//! | 3: data key and derived secrets | [`crypto::data_key`] |
//! | 4: stanzas, and the keys behind them | [`stanza`], [`stanza_kind`], [`recipient`] |
//! | 5: chunks | [`crypto::chunk`] |
//! | 6: manifest, statement, signatures | [`manifest`], [`part_path`], [`statement`], [`publisher`] |

#![forbid(unsafe_code)]

pub mod cbor;
pub mod crypto;
pub mod error_kind;
pub mod footer;
pub mod layout;
pub mod line;
pub mod manifest;
pub mod part_path;
pub mod prologue;
pub mod publisher;
pub mod recipient;
pub mod stanza;
pub mod stanza_kind;
pub mod stanza_region;
pub mod statement;
pub mod suite;

/// True in builds for this project's own fuzz targets, which let every MAC, digest and commitment pass.
///
/// It takes both the compiler flag and the feature: fuzzing another project must not disable anything.
pub const WITHOUT_AUTHENTICATION: bool = cfg!(all(fuzzing, feature = "hazmat-fuzzing"));
