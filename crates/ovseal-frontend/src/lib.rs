//! The common base of the front ends: the command, and the libraries for C, C++ and Python.
//!
//! | need | item |
//! |---|---|
//! | the number of an error, and advice | [`Explain`], [`Code`], [`Kind`], [`FrontEnd`] |
//! | an error as strings, for another language | [`Failure`] |
//! | keys that open, and keys to seal to, in one type | [`Key`] |
//! | the directory of this device's files, and its secret for a cache | [`state_directory`], [`device_secret`] |
//! | the TPM that the caller or the environment specifies | [`tpm`] |
//!
//! A binding translates these into its language and adds nothing: a failure has the same number
//! everywhere. Its advice differs only where the remedy does: an option of the command, or an
//! argument of a function.

#![forbid(unsafe_code)]

mod code;
mod explain;
mod failure;
mod key;
mod state;

pub use code::{Code, Kind};
pub use explain::{Explain, FrontEnd, keys_hint, write_hint};
pub use failure::Failure;
pub use key::{Key, Origin, read};
pub use state::{StateError, device_secret, state_directory, tpm};
