//! Files that are written whole or not at all, or opened where others may have placed them.
//!
//! This crate knows nothing about containers. It collects everything about files that differs
//! between operating systems: modes, links and identities.
//!
//! | need | item |
//! |---|---|
//! | write a file that appears whole or not at all | [`AtomicFile`] |
//! | open a file without following a link or blocking on a pipe | [`open`], [`open_no_link`], [`read`] |
//! | find out why a path is not a regular file | [`irregular`] |
//! | recognize a file under any name | [`FileIdentity`] |
//! | find out whether others may read a secret | [`exposed_mode`] |

#![forbid(unsafe_code)]

mod atomic;
mod identity;
mod regular;

pub use atomic::{AtomicFile, create_private_directory, next_to, sync_directory};
pub use identity::FileIdentity;
pub use regular::{exposed_mode, irregular, open, open_no_link, read};
