//! Keys on a PKCS#11 token: a smart card, a USB token or a network HSM.
//!
//! | task | type |
//! |---|---|
//! | identify a token and a key | [`Uri`] (RFC 7512) |
//! | load a module, list its tokens | [`Module`], [`TokenSummary`] |
//! | use a token | [`Token`], [`Pin`] |
//! | seal to a token's key without the token | [`TokenRecipient`] |
//! | open with a token's key | [`TokenIdentity`] |
//! | sign as a publisher | [`TokenSigner`] |
//!
//! ```no_run
//! use ovseal::{OpenOptions, Publisher, Trust};
//! use ovseal_hardware::pkcs11::{Module, Pin, Token, TokenIdentity, Uri};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let uri = Uri::parse("pkcs11:token=edge-7;object=ovseal")?;
//! let module = Module::load("/usr/lib/softhsm/libsofthsm2.so".as_ref())?;
//! let token = Token::find(&module, &uri)?;
//! token.log_in(&Pin::new(b"1234")?)?;
//! let identity = TokenIdentity::find(&token, &uri)?;
//! let acme = Publisher::parse(&std::fs::read_to_string("acme.pub")?)?;
//! let trust = Trust::Publishers(vec![acme]);
//! let opened = OpenOptions::new(trust).open("model.ovseal".as_ref(), &[&identity])?;
//! # drop(opened);
//! # Ok(())
//! # }
//! ```
//!
//! A process uses one module and rejects a second one. Every call to it has a deadline
//! ([`DEADLINE`]), because a token may wait for a touch, or forever.
//!
//! # What it does not protect
//!
//! The token's key cannot be copied, but anyone who has the token and its PIN can use it. The
//! unwrapped data key is in the memory of this process, as with any other kind of key. A module is
//! code that runs in this process with all its rights.

mod deadline;
mod error;
mod identity;
mod key;
mod key_schedule;
mod key_use;
mod module;
mod pin;
mod point;
mod recipient;
mod signer;
mod token;
mod tries;
mod uri;

pub use deadline::DEADLINE;
pub use error::TokenError;
pub use identity::TokenIdentity;
pub use key_use::KeyUse;
pub use module::{Module, TokenSummary};
pub use pin::Pin;
pub use recipient::TokenRecipient;
pub use signer::TokenSigner;
pub use token::Token;
pub use tries::Tries;
pub use uri::{Uri, UriError};

/// The type of stanza (`docs/format.md` §4.3).
pub const STANZA_TYPE: &str = "pkcs11";
