//! Who signs: a publisher's key from a file, or with a half on a token.

use ovseal::{KeyError, PublisherKey};

use crate::args::SealArgs;
use crate::error::CommandError;
use crate::input::{Inputs, Source};
use crate::keys::unusable;

const PUBLISHER_KEY_LIMIT: usize = 4096;

/// The publisher's key that the options name, if they name one.
///
/// # Errors
/// When it cannot be read or is none, or when a token's key is not to be had.
pub(super) fn key(args: &SealArgs, inputs: &mut Inputs) -> Result<Option<PublisherKey>, CommandError> {
    let Some(source) = &args.publisher_key else { return Ok(None) };
    #[cfg(feature = "pkcs11")]
    if let Some(key) = on_token(source, args, inputs)? {
        return Ok(Some(key));
    }
    let key = parse(source, inputs, KeyError::PublisherPrivate, PublisherKey::parse)?;
    Ok(Some(key))
}

/// The key whose Ed25519 half is a token's, if `source` is such a key's URI.
#[cfg(feature = "pkcs11")]
fn on_token(
    source: &Source,
    args: &SealArgs,
    inputs: &mut Inputs,
) -> Result<Option<PublisherKey>, CommandError> {
    use crate::token;
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
        (Some(_), None) => Err(CommandError::usage(
            "a token's key makes only one half of a publisher's signature",
        )
        .hint("give the file with the other half, as ovseal token publisher wrote it, with --ml-dsa-key F")),
        (None, Some(_)) => {
            Err(CommandError::usage("--ml-dsa-key goes with a token's key in --publisher-key")
                .hint("a publisher's key in one file holds both halves"))
        }
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
