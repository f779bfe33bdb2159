//! A token's key as the Ed25519 half of a publisher's key.

use cryptoki::error::Error;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use ovseal::{Ed25519Signer, SignError};

use super::key::{self, PrivateKey};
use super::{KeyUse, Token, TokenError, Uri};

/// An Ed25519 key of a token, which signs as a publisher (`CKM_EDDSA` without parameters).
#[derive(Clone, Debug)]
pub struct TokenSigner {
    token: Token,
    key: PrivateKey<32>,
}

impl TokenSigner {
    /// Finds the key that fits `uri` on `token`, which must be unlocked.
    ///
    /// # Errors
    /// [`TokenError`] if no key or more than one fits.
    pub fn find(token: &Token, uri: &Uri) -> Result<Self, TokenError> {
        Ok(Self { token: token.clone(), key: key::find_private(token, uri, KeyUse::Signing)? })
    }

    /// Creates a key on the token, which must be unlocked and opened for writing.
    ///
    /// # Errors
    /// [`TokenError::NoLabel`], [`TokenError::KeyExists`], or an error of the module.
    pub fn make(token: &Token, uri: &Uri) -> Result<Self, TokenError> {
        key::create(token, uri, KeyUse::Signing)?;
        Self::find(token, uri)
    }

    fn sign_on_token(&self, message: Vec<u8>) -> Result<[u8; 64], TokenError> {
        let key = self.key.handle;
        self.token.ask(move |session| {
            let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
            let signature = session.sign(&mechanism, key, &message);
            let signature = signature.and_then(|bytes| bytes.try_into().map_err(|_| Error::InvalidValue));
            signature.map_err(TokenError::of("sign"))
        })
    }
}

impl Ed25519Signer for TokenSigner {
    fn public_key(&self) -> [u8; 32] {
        self.key.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.sign_on_token(message.to_vec()).map_err(|error| SignError::Backend(Box::new(error)))
    }
}
