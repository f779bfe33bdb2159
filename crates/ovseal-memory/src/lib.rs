//! Memory for secrets and for decrypted models, on Linux.
//!
//! Which type for which need:
//!
//! | what is to be kept | type | where |
//! |---|---|---|
//! | a key of fixed length | [`Secret`] | secret memory, or a locked page |
//! | a passphrase, a key file | [`SecretBytes`] | the same, up to 64 KiB |
//! | one of these two that is not needed all the time | [`Parked`] | the same, inaccessible in between |
//! | a key object of another library | [`Protected`] | the same |
//! | a decrypted part of a model | [`ModelMemory`] | ordinary pages, locked when the limits allow it |
//! | the same, decrypted while it is being read | [`PagedMemory`] | the same |
//!
//! All of them are left out of core dumps, do not reach a forked child, are zeroized before the memory goes back to the
//! kernel, and show nothing in `Debug`. A program calls [`harden_process`] first of all, and [`protections`] says what
//! the host gives and what is [`Missing`].
//!
//! # What it does not protect
//!
//! - **Not from root on the running machine**, nor from code inside the process. Secret memory stops root's
//!   `/proc/PID/mem` and `process_vm_readv`, but not a debugger that runs code in the process.
//! - Not copies made elsewhere: in registers, on the stack by moves, in the buffers of a reader, inside other libraries.
//!   A runtime that compiles a model makes its own copies of the weights, which this crate never sees.
//! - Not weights that are larger than the limit of locked memory: those can be swapped.
//! - A forked child cannot use a secret of its parent: it is ended when it tries.
//! - While secret memory is in use, the machine cannot hibernate.
//! - Pages that [`PagedMemory::release`] gives back are not zeroized by us: the kernel does it before it gives them to
//!   anyone else.
//!
//! # Examples
//!
//! A key, filled in place:
//!
//! ```
//! use ovseal_memory::Secret;
//!
//! let key = Secret::<32>::from_fn(|bytes| bytes.fill(7));
//! assert_eq!(key.expose().len(), 32);
//! ```
//!
//! A program that refuses to work where a key could be swapped or dumped, reads a key file, and decrypts a part:
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
//!     *byte ^= key; // a real cipher in real life
//! }
//! assert_eq!(*weights, [1; 10_000]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod descriptor;
mod error;
mod mapping;
mod model;
mod pages;
mod paging;
mod parked;
mod populate;
mod process;
mod protected;
mod protections;
mod residency;
mod secret;
mod secret_bytes;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;

pub use descriptor::inherited_descriptor;
pub use error::MemoryError;
pub use model::ModelMemory;
pub use paging::{ChunkFiller, FillCause, FillFailure, PagedMemory, Populated};
pub use parked::{Exposed, Parkable, Parked};
pub use populate::populate;
pub use process::{Hardening, harden_process};
pub use protected::Protected;
pub use protections::{AesHardware, Missing, Protections, Swap, Userfaultfd, protections};
pub use secret::Secret;
pub use secret_bytes::SecretBytes;
