//! The command line: one definition, from which help, completions, man pages and the reference page come.

mod bind;
mod cache;
mod device;
mod device_options;
mod doctor;
mod extract;
mod inspect;
mod key;
mod keygen;
mod rekey;
mod rollback_state;
mod run;
mod seal;
mod size;
#[cfg(feature = "pkcs11")]
mod token;
mod trust;
mod verify;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use bind::BindArgs;
pub(crate) use cache::{CacheArgs, CacheCommand};
pub(crate) use device::{ApproveArgs, DeviceArgs, DeviceCommand, EnrollArgs, NextEpochArgs, StatusArgs};
pub(crate) use device_options::{BoundOptions, ClockBound, DeviceOptions, PinOptions, Requirement};
pub(crate) use doctor::DoctorArgs;
pub(crate) use extract::ExtractArgs;
pub(crate) use inspect::InspectArgs;
pub(crate) use key::KeyOptions;
pub(crate) use keygen::KeygenArgs;
pub(crate) use rekey::RekeyArgs;
pub(crate) use rollback_state::RollbackStateArgs;
pub(crate) use run::{OpeningChoice, RunArgs};
pub(crate) use seal::SealArgs;
#[cfg(feature = "pkcs11")]
pub(crate) use token::{TokenArgs, TokenCommand, TokenOptions};
pub(crate) use trust::{SenderOptions, TrustOptions};
pub(crate) use verify::VerifyArgs;

/// Protects AI models that run on OpenVINO
///
/// A publisher seals a model into one encrypted, authenticated and signed file, the container. It stays sealed on every
/// disk, and is opened in memory only.
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
    Keygen(KeygenArgs),
    Seal(SealArgs),
    Inspect(InspectArgs),
    Verify(VerifyArgs),
    Run(RunArgs),
    Rekey(RekeyArgs),
    Bind(BindArgs),
    Device(DeviceArgs),
    Extract(ExtractArgs),
    RollbackState(RollbackStateArgs),
    Cache(CacheArgs),
    #[cfg(feature = "pkcs11")]
    Token(TokenArgs),
    Doctor(DoctorArgs),
    /// Prints a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

const AFTER_HELP: &str = "\
Exit codes:
  0    done
  1    the environment: a file, a device, memory
  2    usage
  3    not authentic, damaged or truncated, or a bad signature
  4    none of the given keys opens the container
  5    denied: another signer, name or security version than demanded
  6    no container, or one of an unknown version
  255  a bug of this program

Wherever a key is read from a file F, F may be - for stdin or fd:N for the open descriptor N. Secrets never stand in \
arguments.

Outputs are regular files. No command writes through or over a symbolic link, a pipe, a device or a directory, nor over a \
file that it read, not even with --force. seal --force replaces only containers.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
