//! Finds and creates keys on a token.

use aws_lc_rs::rand;
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use super::{KeyUse, Token, TokenError, Uri, point};

/// Length of a new key's id, which its two halves share.
const ID_LENGTH: usize = 16;

/// The private half of a key on a token, and its public key.
#[derive(Clone, Copy, Debug)]
pub(super) struct PrivateKey<const N: usize> {
    pub(super) handle: ObjectHandle,
    pub(super) public: [u8; N],
}

/// Finds the private key that fits `uri`, with its public key of `N` bytes.
///
/// The token must be unlocked.
pub(super) fn find_private<const N: usize>(
    token: &Token,
    uri: &Uri,
    wanted: KeyUse,
) -> Result<PrivateKey<N>, TokenError> {
    let uri = uri.clone();
    token.ask(move |session| {
        let handle = find(session, &uri, ObjectClass::PRIVATE_KEY, wanted)?;
        let permissions = session.get_attributes(handle, &[wanted.permission()]);
        let permissions = permissions.map_err(TokenError::of("show its key"))?;
        // If a token does not report a key's permissions, the key is tried.
        if matches!(permissions[..], [Attribute::Derive(false) | Attribute::Sign(false)]) {
            return Err(TokenError::KeyKind { uri: uri.to_string(), wanted });
        }
        let public = public_of(session, handle, &uri)?;
        let public = public.ok_or_else(|| TokenError::KeyKind { uri: uri.to_string(), wanted })?;
        Ok(PrivateKey { handle, public })
    })
}

/// Finds the public key of `N` bytes that fits `uri`. Most tokens show it without a PIN.
pub(super) fn find_public<const N: usize>(
    token: &Token,
    uri: &Uri,
    wanted: KeyUse,
) -> Result<[u8; N], TokenError> {
    let uri = uri.clone();
    token.ask(move |session| {
        let handle = find(session, &uri, ObjectClass::PUBLIC_KEY, wanted)?;
        ec_point(session, handle)?.ok_or_else(|| TokenError::KeyKind { uri: uri.to_string(), wanted })
    })
}

/// Creates a key pair that never leaves the token.
///
/// The token must be unlocked and opened for writing.
///
/// # Errors
/// [`TokenError::NoLabel`] if `uri` has no object, [`TokenError::KeyExists`] if an object already
/// has that label.
pub(super) fn create(token: &Token, uri: &Uri, wanted: KeyUse) -> Result<(), TokenError> {
    let label = uri.object.clone().ok_or(TokenError::NoLabel)?.into_bytes();
    let mut id = vec![0; ID_LENGTH];
    rand::fill(&mut id).map_err(|_| TokenError::Randomness)?;
    let id = uri.id.clone().unwrap_or(id);
    let shown = uri.to_string();
    token.ask(move |session| {
        let taken = session.find_objects(&[Attribute::Label(label.clone())]);
        if !taken.map_err(TokenError::of("list its keys"))?.is_empty() {
            return Err(TokenError::KeyExists { uri: shown });
        }
        let common = [Attribute::Token(true), Attribute::Label(label), Attribute::Id(id)];
        let parameters = Attribute::EcParams(wanted.parameters().to_vec());
        let secret = [Attribute::Private(true), Attribute::Sensitive(true), Attribute::Extractable(false)];
        let (public, private) = wanted.permissions();
        let public = [&common[..], &[parameters], &public].concat();
        let private = [&common[..], &secret, &private].concat();
        let made = session.generate_key_pair(&wanted.generation(), &public, &private);
        made.map(drop).map_err(TokenError::of("create a key"))
    })
}

/// Finds the one object of this class and type of key that fits `uri`.
fn find(
    session: &Session,
    uri: &Uri,
    class: ObjectClass,
    wanted: KeyUse,
) -> Result<ObjectHandle, TokenError> {
    let mut template = vec![Attribute::Class(class)];
    template.extend(uri.object.iter().map(|label| Attribute::Label(label.clone().into_bytes())));
    template.extend(uri.id.iter().cloned().map(Attribute::Id));
    let named = session.find_objects(&template).map_err(TokenError::of("list its keys"))?;
    template.push(Attribute::KeyType(wanted.key_type()));
    let fitting = session.find_objects(&template).map_err(TokenError::of("list its keys"))?;
    let names_a_key = uri.object.is_some() || uri.id.is_some();
    let uri = uri.to_string();
    match fitting[..] {
        [handle] => Ok(handle),
        [] if names_a_key && !named.is_empty() => Err(TokenError::KeyKind { uri, wanted }),
        [] => Err(TokenError::NoKey { uri }),
        _ => Err(TokenError::AmbiguousKey { uri, count: fitting.len() }),
    }
}

/// Returns the public key of a private key, or `None` if the key is of another kind.
///
/// Some tokens keep the public key with the private key. Otherwise it is read from the other half
/// of the pair.
fn public_of<const N: usize>(
    session: &Session,
    private: ObjectHandle,
    uri: &Uri,
) -> Result<Option<[u8; N]>, TokenError> {
    let wanted = [AttributeType::PublicKeyInfo, AttributeType::Id, AttributeType::Label];
    let attributes = session.get_attributes(private, &wanted).map_err(TokenError::of("show its key"))?;
    if let Some(public) = attributes.iter().find_map(point::from_attribute) {
        return Ok(Some(public));
    }
    // The two halves share an id, or a label on a token without ids.
    let id = attributes.iter().find(|attribute| matches!(attribute, Attribute::Id(id) if !id.is_empty()));
    let label =
        attributes.iter().find(|attribute| matches!(attribute, Attribute::Label(label) if !label.is_empty()));
    let no_public = || TokenError::NoPublicKey { uri: uri.to_string() };
    let template = [Attribute::Class(ObjectClass::PUBLIC_KEY), id.or(label).cloned().ok_or_else(no_public)?];
    let others = session.find_objects(&template).map_err(TokenError::of("list its keys"))?;
    match others[..] {
        [public] => ec_point(session, public),
        _ => Err(no_public()),
    }
}

fn ec_point<const N: usize>(session: &Session, handle: ObjectHandle) -> Result<Option<[u8; N]>, TokenError> {
    let attributes = session.get_attributes(handle, &[AttributeType::EcPoint]);
    let attributes = attributes.map_err(TokenError::of("show its key"))?;
    Ok(attributes.iter().find_map(point::from_attribute))
}
