//! The `compile-cache` stanza, for results that a device computed from a container (§4.4).

use ovseal_memory::{Parked, Secret};

use super::{Context, Identity, Recipient, UnwrapError, WrapError, symmetric};
use crate::crypto::data_key::DataKey;
use crate::crypto::kdf;
use crate::prologue::ContainerId;
use crate::stanza::Stanza;
use crate::stanza_kind::{RecipientClass, StanzaKind};
use crate::suite::Digest;

/// A key for results computed from an opened container. `Opened::cache_key` of `ovseal` derives it.
///
/// It seals and opens other containers, each with its own random data key. Both the device's secret
/// and the original container's data key are needed to create or open one.
#[derive(Debug)]
pub struct CacheKey(Parked<Secret<64>>);

/// The container from which a result was computed, and how it was opened.
pub struct Origin {
    /// The container's random id.
    pub container_id: ContainerId,
    /// SHA-256 of its encoded statement.
    pub statement_digest: Digest,
    /// True if each chunk's digest is compared before the chunk is decrypted.
    pub checks_digests: bool,
}

impl CacheKey {
    /// Derives a key from a container's data key and the secret of this device.
    ///
    /// The key is bound to `origin` and to `fields`, which list everything else that the result
    /// depends on. The order of `fields` matters.
    pub fn derive(
        key: &DataKey,
        device_secret: &[u8; 32],
        origin: &Origin,
        fields: &[(&str, &[u8])],
    ) -> Self {
        let secrets = Secret::<64>::from_fn(|bytes| {
            bytes[..32].copy_from_slice(&*key.expose());
            bytes[32..].copy_from_slice(device_secret);
        });
        let info = info(origin, fields);
        let derive = |bytes: &mut [u8; 64]| kdf::extract_and_expand(&[], secrets.expose(), &[&info], bytes);
        Self(Parked::new(Secret::from_fn(derive)))
    }

    /// Returns a name under which to store the result. The name reveals nothing about the
    /// container.
    pub fn lookup_id(&self) -> [u8; 32] {
        *self.0.expose().last_chunk().expect("64 bytes end with 32")
    }
}

/// Encodes origin and fields without ambiguity.
fn info(origin: &Origin, fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut info = b"ovseal/v1/compile-cache\0".to_vec();
    info.extend_from_slice(origin.container_id.as_bytes());
    info.extend_from_slice(&origin.statement_digest);
    info.push(u8::from(origin.checks_digests));
    for piece in fields.iter().flat_map(|(name, value)| [name.as_bytes(), value]) {
        info.extend_from_slice(&(piece.len() as u64).to_be_bytes());
        info.extend_from_slice(piece);
    }
    info
}

impl Recipient for CacheKey {
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError> {
        symmetric::wrap_salted(StanzaKind::CompileCache, &self.0.expose()[..32], key, context)
    }

    fn class(&self) -> RecipientClass {
        RecipientClass::SymmetricOrLocal
    }
}

impl Identity for CacheKey {
    fn stanza_type(&self) -> &str {
        StanzaKind::CompileCache.word()
    }

    fn unwrap(&self, stanza: &Stanza, context: &Context) -> Result<Option<DataKey>, UnwrapError> {
        Ok(symmetric::unwrap_salted(stanza, &self.0.expose()[..32], context))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::data_key;

    fn key(data: u8, device: u8, origin: &Origin, fields: &[(&str, &[u8])]) -> CacheKey {
        CacheKey::derive(&data_key(data), &[device; 32], origin, fields)
    }

    fn origin(id: u8, statement: u8, checks_digests: bool) -> Origin {
        Origin { container_id: ContainerId([id; 32]), statement_digest: [statement; 32], checks_digests }
    }

    /// The expected value was computed from §4.4 of the specification with Python's `hmac`.
    #[test]
    fn the_derivation_follows_the_specification() {
        let fields: [(&str, &[u8]); 2] = [("device", b"CPU"), ("part", b"model.xml")];
        let key = key(1, 2, &origin(3, 4, true), &fields);
        assert_eq!(base16ct::lower::encode_string(&*key.0.expose()), EXPECTED);
    }

    const EXPECTED: &str = "aaec5edde80e03d39cd779ac9f933f4a52f73c2b590ea8781ae0ee5f9193a1b30abec5976932345fb3c86101008f745f195a7e8b165edcdd9cfc25d81fa270fd";

    #[test]
    fn every_difference_changes_the_key() {
        let good = || origin(3, 4, true);
        let keys = [
            key(1, 2, &good(), &[("a", b"bc")]),
            key(9, 2, &good(), &[("a", b"bc")]),
            key(1, 9, &good(), &[("a", b"bc")]),
            key(1, 2, &origin(9, 4, true), &[("a", b"bc")]),
            key(1, 2, &origin(3, 9, true), &[("a", b"bc")]),
            key(1, 2, &origin(3, 4, false), &[("a", b"bc")]),
            key(1, 2, &good(), &[("ab", b"c")]),
            key(1, 2, &good(), &[("a", b"bc"), ("", b"")]),
            key(1, 2, &good(), &[]),
        ];
        let ids: BTreeSet<[u8; 32]> = keys.iter().map(CacheKey::lookup_id).collect();
        let secrets: BTreeSet<Vec<u8>> = keys.iter().map(|key| key.0.expose()[..32].to_vec()).collect();
        assert_eq!((ids.len(), secrets.len()), (9, 9));
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", key(1, 2, &origin(3, 4, true), &[]));
        insta::assert_snapshot!(shown, @"CacheKey(Parked(..))");
    }
}
