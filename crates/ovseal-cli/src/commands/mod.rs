//! The commands. Each module has a command's options and its implementation.
//!
//! Help, completions, man pages and the reference page come from these definitions.

mod bind;
mod cache;
mod device;
mod doctor;
mod exec;
mod extract;
mod inspect;
mod keygen;
mod man;
mod mount;
mod rekey;
mod rollback_state;
mod run;
mod seal;
mod shown;
#[cfg(feature = "pkcs11")]
mod token;
mod verify;

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::errors::{CommandError, usage};
use crate::ui::Output;

/// Encrypts and signs AI models for OpenVINO
///
/// You seal a model into a single file, the container. Your application decrypts it straight into
/// memory and hands it to OpenVINO, without writing plaintext to a disk.
#[derive(Debug, Parser)]
#[command(name = "ovseal", bin_name = "ovseal", version, after_long_help = AFTER_HELP)]
#[command(max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands, in the order in which help lists them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Keygen(keygen::KeygenArgs),
    Seal(seal::SealArgs),
    Inspect(inspect::InspectArgs),
    Verify(verify::VerifyArgs),
    Run(run::RunArgs),
    Exec(exec::ExecArgs),
    Mount(mount::MountArgs),
    Rekey(rekey::RekeyArgs),
    Bind(bind::BindArgs),
    Device(device::DeviceArgs),
    Extract(extract::ExtractArgs),
    RollbackState(rollback_state::RollbackStateArgs),
    Cache(cache::CacheArgs),
    #[cfg(feature = "pkcs11")]
    Token(token::TokenArgs),
    Doctor(doctor::DoctorArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    Man(man::ManArgs),
    /// Start the program of exec; not for people
    #[command(name = exec::LAUNCHER, hide = true)]
    ExecLauncher {
        /// The launcher's arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Parses the command line and runs the command.
///
/// # Errors
/// Fails if the command line is wrong, or the command fails.
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
        Command::Exec(args) => exec::run(&args, output),
        Command::Mount(args) => mount::run(&args, output),
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
        Command::Man(args) => man::run(&args),
        Command::ExecLauncher { arguments } => exec::launch(arguments),
    }
}

fn completions(shell: Shell, output: &mut Output) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ovseal", &mut script);
    output.raw(&script)
}

const AFTER_HELP: &str = "\
Exit codes:
  0    success
  1    I/O, device or memory error
  2    usage error
  3    not authentic, damaged or truncated, or a bad signature
  4    none of the given keys opens the container
  5    denied: wrong signer or name, or security version too low
  6    not an ovseal container, or an unsupported version
  255  a bug in ovseal

Wherever a key, passphrase or PIN is read from F, F may also be - for stdin, or fd:N for the open descriptor N. Never \
put a secret in an argument.

Commands write only regular files: never over or through a symbolic link, pipe, device or directory, and never over a \
file they have read, even with --force. seal --force replaces only containers.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
