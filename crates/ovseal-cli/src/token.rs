//! PKCS#11 tokens, from the options: the module, the token, its PIN.

use std::path::{Path, PathBuf};

use ovseal_hardware::pkcs11::{
    Module, Pin, Token, TokenError, TokenIdentity, TokenSigner, TokenSummary, Tries, Uri,
};

use crate::args::TokenOptions;
use crate::error::CommandError;
use crate::input::{Inputs, Source};
use crate::prompt;

/// p11-kit's proxy, which shows the tokens of every module that is registered with it.
const PROXY: &str = "p11-kit-proxy.so";
const MODULE_VARIABLE: &str = "OVSEAL_PKCS11_MODULE";
const PIN_LIMIT: usize = 512;

/// A key of a token that opens containers.
///
/// # Errors
/// When module, token or key are not to be had, or the PIN is not the right one.
pub(crate) fn identity(
    uri: &str,
    options: &TokenOptions,
    inputs: &mut Inputs,
) -> Result<TokenIdentity, CommandError> {
    let uri = Uri::parse(uri)?;
    let token = unlocked(&uri, options, inputs)?;
    Ok(TokenIdentity::find(&token, &uri)?)
}

/// A key of a token that signs containers.
///
/// # Errors
/// As [`identity`].
pub(crate) fn signer(
    uri: &Uri,
    options: &TokenOptions,
    inputs: &mut Inputs,
) -> Result<TokenSigner, CommandError> {
    let token = unlocked(uri, options, inputs)?;
    Ok(TokenSigner::find(&token, uri)?)
}

/// The module that an option, the URI or the environment names.
///
/// # Errors
/// When it cannot be loaded.
pub(crate) fn module(option: Option<&Path>, uri: Option<&Uri>) -> Result<Module, TokenError> {
    let named = option.or(uri.and_then(Uri::module_path)).map(Path::to_owned);
    let variable = || std::env::var_os(MODULE_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    Module::load(&named.or_else(variable).unwrap_or_else(|| PROXY.into()))
}

/// Unlocks a token with the PIN that the options or the URI name, or a person at the terminal.
///
/// # Errors
/// When the PIN cannot be read, or is not the right one.
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

/// A service that starts again and again with a wrong PIN would lock the token, so the last try is left to a person.
fn pin_in_file(source: &Source, summary: &TokenSummary, inputs: &mut Inputs) -> Result<Pin, CommandError> {
    if summary.tries == Tries::Last {
        let message = format!("the token {} has one try left before its PIN is locked", summary.label);
        return Err(CommandError::usage(message).hint("give the PIN at a terminal, without a file for it"));
    }
    let bytes = inputs.secret(source, PIN_LIMIT)?;
    Pin::new(bytes.expose())
        .map_err(|error| CommandError::from(error).context(format!("cannot use {source}")))
}
