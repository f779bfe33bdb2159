//! Memory for secrets and for decrypted models, on Linux.
//!
//! Choose the type by what it holds:
//!
//! | contents | type | memory |
//! |---|---|---|
//! | a key of fixed length | [`Secret`] | secret memory, or a locked page |
//! | a passphrase, a key file | [`SecretBytes`] | the same, up to 64 KiB |
//! | either of these, while it is not in use | [`Parked`] | the same, inaccessible in between |
//! | a key object of another library | [`Protected`] | the same |
//! | a decrypted part of a model | [`ModelMemory`] | ordinary pages, locked if the limits allow |
//! | a part decrypted while it is read | [`PagedMemory`] | the same |
//!
//! All of this memory is left out of core dumps and never reaches a forked child. It is zeroized
//! before it is returned to the kernel, and `Debug` shows none of it. Call [`harden_process`] at
//! the start of `main`. [`protections`] reports what the host offers and what is [`Missing`].
//!
//! # What it does not protect
//!
//! - **Root on the running machine** can read the weights, and so can code inside the process.
//!   Secret memory blocks `/proc/PID/mem` and `process_vm_readv`, even for root. It does not stop a
//!   debugger that runs code in the process.
//! - Copies elsewhere are not covered: in registers, stack frames of moved values, buffers of a
//!   reader, or memory of other libraries. A runtime that compiles a model copies the weights.
//! - Weights larger than the limit for locked memory can be swapped out.
//! - A forked child cannot use its parent's secrets. It is aborted if it tries.
//! - While secret memory is in use, the machine cannot hibernate.
//! - Pages that [`PagedMemory::release`] returns are zeroized by the kernel, not by this crate. The
//!   kernel does so before it reuses them.
//!
//! # Examples
//!
//! Fill a key in place:
//!
//! ```
//! use ovseal_memory::Secret;
//!
//! let key = Secret::<32>::from_fn(|bytes| bytes.fill(7));
//! assert_eq!(key.expose().len(), 32);
//! ```
//!
//! Refuse to run where keys could be swapped or dumped, then read a key file and decrypt a part:
//!
//! ```
//! use ovseal_memory::{ModelMemory, SecretBytes, harden_process, protections};
//!
//! # let mut file = [0x3C; 32].as_slice();
//! # let ciphertext = [0x3C ^ 1; 10_000];
//! harden_process();
//! if let Some(missing) = protections().missing().first() {
//!     return Err(missing.to_string().into());
//! }
//! let key = SecretBytes::read_from(&mut file, 32)?;
//! let mut weights = ModelMemory::zeroed(ciphertext.len())?;
//! weights.copy_from_slice(&ciphertext);
//! for (byte, key) in weights.iter_mut().zip(key.expose().iter().cycle()) {
//!     *byte ^= key; // use a real cipher
//! }
//! assert_eq!(*weights, [1; 10_000]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod lock;
mod model;
mod pages;
mod paging;
mod parked;
mod protected;
mod protections;
mod room;
mod secret;
mod secret_bytes;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;
mod sys;

pub use error::MemoryError;
pub use model::ModelMemory;
pub use paging::{
    ChunkFiller, FillCause, FillFailure, LateFailureHandler, Layout, PagedMemory, Populated, exit_with_line,
};
pub use parked::{Exposed, Parkable, Parked};
pub use protected::Protected;
pub use protections::{AesHardware, Missing, Protections, Swap, Userfaultfd, protections};
pub use room::memory_room;
pub use secret::Secret;
pub use secret_bytes::SecretBytes;
pub use sys::{Hardening, harden_process, inherited_descriptor, populate};
