//! What the tests of this crate share.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::panic, reason = "a test fails by panicking")]

pub(crate) mod afterlife;
pub(crate) mod fork;
pub(crate) mod patience;
pub(crate) mod smaps;
