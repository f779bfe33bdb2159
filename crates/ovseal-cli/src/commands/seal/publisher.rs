//! The publisher's key: from a file, or with its Ed25519 half on a token.

use ovseal::{KeyError, PublisherKey};

use super::SealArgs;
use crate::errors::CommandError;
use crate::keys::{Inputs, Source, unusable};

const PUBLISHER_KEY_LIMIT: usize = 4096;

/// Returns the publisher's key that the options specify, if there is one.
///
/// # Errors
/// Fails if the key cannot be read or parsed, or if a token's key is unavailable.
pub(super) fn key(args: &SealArgs, inputs: &mut Inputs) -> Result<Option<PublisherKey>, CommandError> {
    let Some(source) = &args.publisher_key else { return Ok(None) };
    #[cfg(feature = "pkcs11")]
    if let Some(key) = on_token(source, args, inputs)? {
        return Ok(Some(key));
    }
    let key = parse(source, inputs, KeyError::PublisherPrivate, PublisherKey::parse)?;
    Ok(Some(key))
}

/// Returns the key whose Ed25519 half is on a token, if `source` is a token's URI.
#[cfg(feature = "pkcs11")]
fn on_token(
    source: &Source,
    args: &SealArgs,
    inputs: &mut Inputs,
) -> Result<Option<PublisherKey>, CommandError> {
    use crate::keys::token;
    use ovseal_hardware::pkcs11::Uri;

    let uri = match source {
        Source::File(path) => path.to_str().filter(|text| Uri::is_meant(text)),
        Source::Stdin | Source::Descriptor(_) => None,
    };
    match (uri, &args.ml_dsa_key) {
        (Some(uri), Some(ml_dsa)) => {
            let signer = token::signer(&Uri::parse(uri)?, &args.token, inputs)?;
            let parse_half = |pem: &str| PublisherKey::parse_with(pem, Box::new(signer));
            parse(ml_dsa, inputs, KeyError::PublisherMlDsa, parse_half).map(Some)
        }
        (Some(_), None) => {
            Err(CommandError::usage("a token's key makes only half of a publisher's signature")
                .hint("give the other half, from ovseal token publisher, with --ml-dsa-key F"))
        }
        (None, Some(_)) => Err(CommandError::usage("--ml-dsa-key requires a token's key in --publisher-key")
            .hint("a publisher's key in a file contains both halves")),
        (None, None) => Ok(None),
    }
}

fn parse(
    source: &Source,
    inputs: &mut Inputs,
    no_text: KeyError,
    parse: impl FnOnce(&str) -> Result<PublisherKey, KeyError>,
) -> Result<PublisherKey, CommandError> {
    let pem = inputs.secret(source, PUBLISHER_KEY_LIMIT)?;
    let text = std::str::from_utf8(pem.expose()).map_err(|_| no_text);
    text.and_then(parse).map_err(|error| unusable(source, error))
}
