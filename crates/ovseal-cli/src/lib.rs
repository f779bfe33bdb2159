//! The `ovseal` command as a library, so that other front ends can start it: [`run`] takes the arguments of a command
//! line and gives the exit code.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | the environment: a file, a device, memory |
//! | 2 | usage |
//! | 3 | not authentic, damaged or truncated, or a bad signature |
//! | 4 | none of the given keys opens the container |
//! | 5 | denied: another signer, name, or security version than demanded |
//! | 6 | no container, or one of an unknown version |
//! | 255 | a bug of this program |
//!
//! Data goes to stdout, everything else to stderr. Secrets come from prompts, files or descriptors, never from arguments,
//! and are kept in the memory of [`ovseal_memory`].
//!
//! # What it does not protect
//!
//! [`run`] does not harden the process against dumps and debuggers: that has to be the first thing that a program does,
//! so the `ovseal` program does it before it calls [`run`].

#![forbid(unsafe_code)]

mod args;
mod commands;
mod conversions;
mod error;
mod guard;
mod hints;
mod input;
mod interrupt;
mod json;
mod keys;
mod needs;
mod new_file;
mod output;
mod progress;
mod prompt;
mod recipients;
mod reference;
mod text;
#[cfg(feature = "pkcs11")]
mod token;
mod tpm;
mod trust;
mod usage;
mod warnings;

use std::ffi::OsString;
use std::process::ExitCode;

pub use reference::reference;

use crate::output::Output;

/// Runs the command line `args`, of which the first is the program's name, and gives the exit code.
///
/// It writes to stdout and stderr. A panic is caught: its place in the source is told, never its message, which could
/// hold a secret.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut output = Output::standard();
    let args: Vec<OsString> = args.into_iter().collect();
    let outcome = guard::catch(|| commands::dispatch(args, &mut output));
    ExitCode::from(output.finish(outcome))
}
