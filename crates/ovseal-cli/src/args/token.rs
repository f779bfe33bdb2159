//! `ovseal token`, and the options by which every command finds a PKCS#11 token.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::input::Source;

/// Where a token's module and PIN come from.
#[derive(Debug, Args)]
pub(crate) struct TokenOptions {
    /// The token's PKCS#11 module, a shared library. Otherwise the URI's module-path or OVSEAL_PKCS11_MODULE names it, or
    /// p11-kit's proxy is taken
    #[arg(long, value_name = "FILE", help_heading = "Token options")]
    pub(crate) pkcs11_module: Option<PathBuf>,

    /// Takes the token's PIN from a file; one line ending at its end is left out. Otherwise the URI's pin-source names it,
    /// or it is asked for
    #[arg(long, value_name = "F", value_parser = Source::parser(), help_heading = "Token options")]
    pub(crate) pin_file: Option<Source>,
}

/// Makes and shows keys of a PKCS#11 token
///
/// A URI (RFC 7512) names token and key, for example pkcs11:token=edge-7;object=model. It holds no PIN.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

/// What is done with the token.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Makes a key that never leaves the token
    ///
    /// It is a P-256 key to which models are sealed, and its recipient is printed. With --publisher it is an Ed25519 key that
    /// signs models. The URI's object becomes its label, which no key may have yet.
    Keygen {
        /// The token, and as object the label of the new key
        uri: String,

        /// Makes a key that signs
        #[arg(long)]
        publisher: bool,

        #[command(flatten)]
        token: TokenOptions,
    },
    /// Prints the recipient of a P-256 key: give it to whoever seals models for this token
    Recipient {
        /// The token and the key
        uri: String,

        #[command(flatten)]
        token: TokenOptions,
    },
    /// Makes a publisher's key around an Ed25519 key of the token
    ///
    /// Publishers sign with Ed25519 and ML-DSA-65. Tokens cannot make the latter yet, so that half is written to a file, and
    /// both are needed to sign: seal --publisher-key URI --ml-dsa-key F. The key id is printed.
    Publisher {
        /// The token and the key
        uri: String,

        /// The beginning of both names, to which .key and .pub are added
        #[arg(short, long, value_name = "F")]
        output: PathBuf,

        #[command(flatten)]
        token: TokenOptions,
    },
}
