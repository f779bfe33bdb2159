//! Shared test code: vectors, small models, software TPMs, and doubles for faults.
//!
//! Only tests depend on this crate, so it panics where a test would.

#![allow(clippy::unwrap_used, clippy::panic)]

mod faults;
mod kernel;
mod model;
mod patience;
mod swtpm;
mod vectors;

pub use faults::FailingSource;
pub use kernel::{has_fuse, has_namespaces, is_root};
pub use model::{Fixture, pattern};
pub use patience::{eventually, threads_of_this_project};
pub use swtpm::Swtpm;
pub use vectors::{Expected, Vector, VectorKey, VectorPart, vectors, vectors_folder};
