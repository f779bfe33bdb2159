//! Shared by the tests: the declarations in the header, the library, and compilers.
#![allow(dead_code, unused_imports, reason = "each test binary uses a part of this")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]

mod declarations;
mod programs;

pub(crate) use declarations::{Argument, Function, functions};
pub(crate) use programs::*;
