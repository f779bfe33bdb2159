//! Helpers shared by the tests of this crate.
#![allow(dead_code, reason = "each test binary uses some of it")]
#![allow(clippy::panic, reason = "a test fails by panicking")]

pub(crate) mod afterlife;
pub(crate) mod fork;
pub(crate) mod patience;
pub(crate) mod smaps;
