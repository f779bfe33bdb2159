//! PKCS#11 tokens: options for the module and PIN, and the keys that they select.

use std::path::{Path, PathBuf};

use clap::Args;
use ovseal_hardware::pkcs11::{
    Module, Pin, Token, TokenError, TokenIdentity, TokenSigner, TokenSummary, Tries, Uri,
};

use super::{Inputs, Source};
use crate::errors::CommandError;
use crate::ui::prompt;

/// The sources of a token's module and PIN.
#[derive(Debug, Args)]
pub(crate) struct TokenOptions {
    /// Load this PKCS#11 module, a shared library [default: the URI's module-path,
    /// OVSEAL_PKCS11_MODULE, or p11-kit's proxy]
    #[arg(long, value_name = "FILE", help_heading = "Token options")]
    pub(crate) pkcs11_module: Option<PathBuf>,

    /// Read the token's PIN from a file; a single trailing newline is ignored [default: the URI's
    /// pin-source; otherwise asks]
    #[arg(long, value_name = "F", value_parser = Source::parser(), help_heading = "Token options")]
    pub(crate) pin_file: Option<Source>,
}

/// p11-kit's proxy for the tokens of every registered module.
const PROXY: &str = "p11-kit-proxy.so";
const MODULE_VARIABLE: &str = "OVSEAL_PKCS11_MODULE";
const PIN_LIMIT: usize = 512;

/// Finds a token's key that opens containers.
///
/// # Errors
/// Fails if the module, the token or the key is unavailable, or the PIN is wrong.
pub(crate) fn identity(
    uri: &str,
    options: &TokenOptions,
    inputs: &mut Inputs,
) -> Result<TokenIdentity, CommandError> {
    let uri = Uri::parse(uri)?;
    let token = unlocked(&uri, options, inputs)?;
    Ok(TokenIdentity::find(&token, &uri)?)
}

/// Finds a token's key that signs containers.
///
/// # Errors
/// The same errors as [`identity`].
pub(crate) fn signer(
    uri: &Uri,
    options: &TokenOptions,
    inputs: &mut Inputs,
) -> Result<TokenSigner, CommandError> {
    let token = unlocked(uri, options, inputs)?;
    Ok(TokenSigner::find(&token, uri)?)
}

/// Loads the module that the option, the URI or the environment specifies, in this order.
///
/// # Errors
/// Fails if it cannot be loaded.
pub(crate) fn module(option: Option<&Path>, uri: Option<&Uri>) -> Result<Module, TokenError> {
    let named = option.or(uri.and_then(Uri::module_path)).map(Path::to_owned);
    let variable = || std::env::var_os(MODULE_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    Module::load(&named.or_else(variable).unwrap_or_else(|| PROXY.into()))
}

/// Unlocks a token with the PIN from the options, the URI or the terminal.
///
/// # Errors
/// Fails if the PIN cannot be read, is wrong or locked, or comes from a file and only one try is
/// left.
pub(crate) fn unlock(
    token: &Token,
    uri: &Uri,
    options: &TokenOptions,
    inputs: &mut Inputs,
) -> Result<(), CommandError> {
    let summary = token.summary();
    if !summary.wants_pin {
        return Ok(());
    }
    if summary.tries == Tries::None {
        return Err(TokenError::PinLocked.into());
    }
    if summary.has_keypad {
        return Ok(token.log_in_by_keypad()?);
    }
    let named = options.pin_file.clone().or_else(|| uri.pin_source().map(|path| Source::File(path.into())));
    let pin = match named {
        Some(source) => pin_in_file(&source, summary, inputs)?,
        None => prompt::pin(&summary.label)?,
    };
    Ok(token.log_in(&pin)?)
}

fn unlocked(uri: &Uri, options: &TokenOptions, inputs: &mut Inputs) -> Result<Token, CommandError> {
    let token = Token::find(&module(options.pkcs11_module.as_deref(), Some(uri))?, uri)?;
    unlock(&token, uri, options, inputs)?;
    Ok(token)
}

/// Reads the PIN from a file, unless only one try is left.
///
/// A service that keeps restarting with a wrong PIN would lock the token: the last try needs a
/// person.
fn pin_in_file(source: &Source, summary: &TokenSummary, inputs: &mut Inputs) -> Result<Pin, CommandError> {
    if summary.tries == Tries::Last {
        let message = format!("the token {} has one try left before its PIN is locked", summary.label);
        return Err(CommandError::usage(message).hint("enter the PIN at a terminal, not from a file"));
    }
    let bytes = inputs.secret(source, PIN_LIMIT)?;
    Pin::new(bytes.expose())
        .map_err(|error| CommandError::from(error).context(format!("cannot use {source}")))
}
