//! Devices with real (software) TPMs: opening, and every way to fail.
#![cfg(feature = "tpm2")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod bounds;
mod combined;
mod policies;
mod power;
mod refusals;
mod rollback;
mod support;
mod time;
