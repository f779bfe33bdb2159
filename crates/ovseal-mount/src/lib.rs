//! Shows opened containers as read-only files, for programs that load models by path.
//!
//! | need | type |
//! |---|---|
//! | files at a directory that other programs see | [`Mounted`], [`MountOptions`] |
//! | the parts of one or more containers as a tree | [`Tree`] |
//! | a program with files that only it sees | [`Launcher`], and [`become_program`] in the child |
//! | files in memory for such a program | [`FilledDirectory`], [`MemoryFiles`], or [`Mounted::on`] |
//!
//! Chunks are decrypted when they are read. Each is verified as a whole before one of its bytes
//! goes to the kernel, and a chunk that is not authentic is an I/O error.
//!
//! ```no_run
//! use ovseal::{KeyFile, OpenOptions, Trust};
//! use ovseal_mount::{MountOptions, Mounted, Tree};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (key, trust) = (KeyFile::generate()?, Trust::AnySender);
//! let opened = OpenOptions::new(trust).open("model.ovseal".as_ref(), &[&key])?;
//! let options = MountOptions::new(|failure| eprintln!("{}", failure.error));
//! let mounted = Mounted::at(Tree::of(&opened)?, "/run/user/1000/model".as_ref(), options)?;
//! // Programs now load /run/user/1000/model/model.xml.
//! if let Some(failure) = mounted.unmount()? {
//!     return Err(failure.error.into());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not protect
//!
//! - Programs of the same user can read the files, and root can become that user.
//! - A program that reads the files can write their content elsewhere.
//! - The kernel keeps decrypted pages in its cache while a file is open, and for a time afterwards.
//!   They are never swapped out, but the kernel does not wipe pages that it frees, unless it was
//!   started with `init_on_free=1`.
//! - Without a trusted publisher, digests are not compared. A file that changes while it is mounted
//!   can then show two contents that both pass.

mod access;
mod chunks;
mod files;
mod fill;
mod launch;
mod lock;
mod memory_files;
mod mounted;
mod pages;
mod service;
mod tree;

pub use files::Failure;
pub use fill::{FillError, FilledDirectory, Readers};
pub use launch::{LaunchError, LaunchOptions, Launcher, become_program, is_memory};
pub use memory_files::MemoryFiles;
pub use mounted::{MountError, MountOptions, Mounted};
pub use tree::{Tree, TreeError};
