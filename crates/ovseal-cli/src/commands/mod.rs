//! The commands, one module each.

mod bind;
mod cache;
mod device;
mod doctor;
mod extract;
mod inspect;
mod keygen;
mod rekey;
mod rollback_state;
mod run;
mod seal;
#[cfg(feature = "pkcs11")]
mod token;
mod verify;

use std::ffi::OsString;

use clap::{CommandFactory, Parser};
use clap_complete::Shell;

use crate::args::{Cli, Command};
use crate::error::CommandError;
use crate::output::Output;
use crate::usage;

/// Parses the command line and does what it says.
///
/// # Errors
/// The command's own, or a mistake in the command line.
pub(crate) fn dispatch(args: Vec<OsString>, output: &mut Output) -> Result<(), CommandError> {
    let command = match Cli::try_parse_from(args) {
        Ok(cli) => cli.command,
        Err(error) => return usage::report(&error, output),
    };
    match command {
        Command::Keygen(args) => keygen::run(&args, output),
        Command::Seal(args) => seal::run(&args, output),
        Command::Inspect(args) => inspect::run(&args, output),
        Command::Verify(args) => verify::run(&args, output),
        Command::Run(args) => run::run(&args, output),
        Command::Rekey(args) => rekey::run(&args, output),
        Command::Bind(args) => bind::run(&args, output),
        Command::Device(args) => device::run(&args, output),
        Command::Extract(args) => extract::run(&args, output),
        Command::RollbackState(args) => rollback_state::run(&args, output),
        Command::Cache(args) => cache::run(&args, output),
        #[cfg(feature = "pkcs11")]
        Command::Token(args) => token::run(&args, output),
        Command::Doctor(args) => doctor::run(&args, output),
        Command::Completions { shell } => completions(shell, output),
    }
}

fn completions(shell: Shell, output: &mut Output) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ovseal", &mut script);
    output.raw(&script)
}
