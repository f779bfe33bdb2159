//! Memory filled chunk by chunk, in order and on access.

mod chunks;
mod failure;
mod filler;
mod fingerprints;
mod first_filling;
mod memory;
mod pins;
mod residency;
mod shared;
mod streams;
mod worker;

pub use self::failure::{FillCause, FillFailure, LateFailureHandler, exit_with_line};
pub use self::filler::ChunkFiller;
pub use self::memory::{PagedMemory, Populated};
pub use self::residency::Layout;
