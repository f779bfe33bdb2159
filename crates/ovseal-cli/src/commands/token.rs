//! `ovseal token`: keys of PKCS#11 tokens.

use std::path::Path;

use ovseal::PublisherKey;
use ovseal_hardware::pkcs11::{Token, TokenError, TokenRecipient, TokenSigner, Uri};

use super::keygen;
use crate::args::{TokenArgs, TokenCommand, TokenOptions};
use crate::error::CommandError;
use crate::input::Inputs;
use crate::output::Output;
use crate::token;
use crate::usage::refuse_stdout;

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
            "made a key on the token {label}: ovseal token publisher makes a publisher's key of it"
        ));
        return Ok(());
    }
    let recipient = TokenRecipient::make(&token, uri)?;
    output.note(&format!("made a key on the token {label}"));
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
