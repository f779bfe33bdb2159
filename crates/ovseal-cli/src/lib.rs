//! The `ovseal` command as a library, for other front ends: [`run`] takes the arguments of a
//! command line and returns the exit code.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | success |
//! | 1 | I/O, device or memory error |
//! | 2 | usage error |
//! | 3 | not authentic, damaged or truncated, or a bad signature |
//! | 4 | none of the given keys opens the container |
//! | 5 | denied: wrong signer or name, or security version too low |
//! | 6 | not an ovseal container, or an unsupported version |
//! | 255 | a bug in ovseal |
//!
//! Data goes to stdout, everything else to stderr. Secrets come from prompts, files or descriptors,
//! never from arguments, and are kept in the memory of [`ovseal_memory`].
//!
//! # What it does not protect
//!
//! [`run`] does not harden the process against dumps and debuggers. A program must do that before
//! anything else, as `ovseal` does before it calls [`run`].

#![forbid(unsafe_code)]

mod commands;
mod errors;
mod keys;
mod reference;
mod ui;

use std::ffi::OsString;
use std::process::ExitCode;

pub use reference::reference;

use crate::errors::guard;
use crate::ui::Output;

/// Runs the command line `args`, program name first, and returns the exit code.
///
/// The command writes to stdout and stderr. A panic is caught, and reported by its location in the
/// source, without its message, which could contain a secret.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut output = Output::standard();
    let args: Vec<OsString> = args.into_iter().collect();
    let outcome = guard::catch(|| commands::dispatch(args, &mut output));
    ExitCode::from(output.finish(outcome))
}
