//! `ovseal token`: keys of PKCS#11 tokens.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ovseal::PublisherKey;
use ovseal_hardware::pkcs11::{Token, TokenError, TokenRecipient, TokenSigner, Uri};

use super::keygen;
use crate::errors::CommandError;
use crate::errors::usage::refuse_stdout;
use crate::keys::Inputs;
use crate::keys::token::{self, TokenOptions};
use crate::ui::Output;

/// Create and show keys on a PKCS#11 token
///
/// A URI (RFC 7512) identifies the token and the key, for example pkcs11:token=edge-7;object=model.
/// It must not contain the PIN.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

/// The commands for a token.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Create a key that never leaves the token
    ///
    /// By default, create a P-256 key that models can be sealed to, and print its recipient. With
    /// --publisher, create an Ed25519 key that signs models. The URI's object becomes the key's
    /// label, which must be new.
    Keygen {
        /// The token's URI, with the new key's label as its object
        uri: String,

        /// Create an Ed25519 signing key instead
        #[arg(long)]
        publisher: bool,

        #[command(flatten)]
        token: TokenOptions,
    },
    /// Print the recipient of a P-256 key, for sealing models to this token
    Recipient {
        /// The URI of the token and the key
        uri: String,

        #[command(flatten)]
        token: TokenOptions,
    },
    /// Create a publisher's key from an Ed25519 key on the token, and print the key id
    ///
    /// Publishers sign with Ed25519 and ML-DSA-65. Tokens do not support ML-DSA-65 yet, so that
    /// half is written to a file. Sign with both: seal --publisher-key URI --ml-dsa-key PREFIX.key.
    Publisher {
        /// The URI of the token and the key
        uri: String,

        /// Write PREFIX.key and PREFIX.pub
        #[arg(short, long, value_name = "PREFIX")]
        output: PathBuf,

        #[command(flatten)]
        token: TokenOptions,
    },
}

pub(super) fn run(args: &TokenArgs, output: &mut Output) -> Result<(), CommandError> {
    match &args.command {
        TokenCommand::Keygen { uri, publisher, token } => {
            keygen(&Uri::parse(uri)?, *publisher, token, output)
        }
        TokenCommand::Recipient { uri, token } => recipient(&Uri::parse(uri)?, token, output),
        TokenCommand::Publisher { uri, output: stem, token } => {
            publisher(&Uri::parse(uri)?, stem, token, output)
        }
    }
}

fn keygen(
    uri: &Uri,
    publisher: bool,
    options: &TokenOptions,
    output: &mut Output,
) -> Result<(), CommandError> {
    let module = token::module(options.pkcs11_module.as_deref(), Some(uri))?;
    let token = Token::find_to_write(&module, uri)?;
    token::unlock(&token, uri, options, &mut Inputs::default())?;
    let label = &token.summary().label;
    if publisher {
        TokenSigner::make(&token, uri)?;
        output.note(&format!(
            "created a key on the token {label}; create a publisher's key from it with ovseal token publisher"
        ));
        return Ok(());
    }
    let recipient = TokenRecipient::make(&token, uri)?;
    output.note(&format!("created a key on the token {label}"));
    output.line(&recipient.to_string())
}

fn recipient(uri: &Uri, options: &TokenOptions, output: &mut Output) -> Result<(), CommandError> {
    let token = Token::find(&token::module(options.pkcs11_module.as_deref(), Some(uri))?, uri)?;
    // Most tokens show their public keys to anyone.
    let recipient = match TokenRecipient::find(&token, uri) {
        Err(TokenError::NoKey { .. } | TokenError::NoPublicKey { .. } | TokenError::Refused { .. }) => {
            token::unlock(&token, uri, options, &mut Inputs::default())?;
            TokenRecipient::find(&token, uri)?
        }
        found => found?,
    };
    output.line(&recipient.to_string())
}

fn publisher(
    uri: &Uri,
    stem: &Path,
    options: &TokenOptions,
    output: &mut Output,
) -> Result<(), CommandError> {
    refuse_stdout(stem)?;
    let signer = token::signer(uri, options, &mut Inputs::default())?;
    keygen::write_publisher(&PublisherKey::generate_with(Box::new(signer))?, stem, output)
}
