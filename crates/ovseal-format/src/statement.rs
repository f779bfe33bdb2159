//! What a publisher signs: readable by anyone (`docs/format.md` §6.2).

use base16ct::HexDisplay;
use minicbor::{Decode, Encode};

use crate::cbor;
use crate::layout::Layout;
use crate::suite::{Digest, Suite, sha256};

/// Bytes that a statement may have.
pub const STATEMENT_LIMIT: u64 = 65_536;

/// The most publishers that sign a container.
pub const PUBLISHER_LIMIT: usize = 8;

/// The statement of a container: hashes of everything in it, the model's id and its security version.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Statement {
    /// Digest of the prologue.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub prologue: Digest,
    /// Lengths of the parts in bytes.
    #[n(1)]
    pub lengths: Vec<u64>,
    /// Root over the digests of all chunks.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub root: Digest,
    /// Digest of the encrypted manifest.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub manifest: Digest,
    /// SHA-256 of the model's name.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub model_id: Digest,
    /// Security version.
    #[n(5)]
    pub security_version: u64,
    /// Key ids of the publishers, in ascending order.
    #[n(6)]
    pub publishers: Vec<KeyId>,
}

/// The name of a publisher's public key: a SHA-256 over it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct KeyId(#[cbor(n(0), with = "minicbor::bytes")] pub(crate) [u8; 32]);

impl KeyId {
    /// Returns the key id with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}", HexDisplay(&self.0))
    }
}

impl std::fmt::Debug for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// SHA-256 of a model's name: the same for every version of a model, and safe to show.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(pub(crate) Digest);

impl ModelId {
    /// Returns the id with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The id of the model with this name.
    pub fn of(name: &str) -> Self {
        Self(sha256(&[b"ovseal/v1/model\0", name.as_bytes()]))
    }

    /// Returns the 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Display for ModelId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}", HexDisplay(&self.0))
    }
}

impl std::fmt::Debug for ModelId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ModelId({self})")
    }
}

impl Statement {
    /// The statement that `bytes` encode, if they are one.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let statement: Self = cbor::decode(bytes)?;
        let ids = &statement.publishers;
        let ascending = ids.len() <= PUBLISHER_LIMIT && ids.windows(2).all(|pair| pair[0] < pair[1]);
        ascending.then_some(statement)
    }

    /// Returns the id of the model.
    pub const fn model(&self) -> ModelId {
        ModelId(self.model_id)
    }

    /// Returns the encoding, which is what [`parse`](Self::parse) takes.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(self)
    }
}

/// The bytes that are signed for the statement `statement`.
pub fn signed_message(statement: &[u8]) -> Vec<u8> {
    [b"ovseal/v1/statement\0", statement].concat()
}

/// The root over the digests of all chunks, which stand one after another in `digests`.
pub fn root(suite: Suite, layout: &Layout, digests: &[Digest]) -> Digest {
    let mut hasher = suite.hasher();
    hasher.update(b"ovseal/v1/root\0");
    hasher.update(&(layout.parts.len() as u32).to_be_bytes());
    for part in &layout.parts {
        let first = part.first_chunk as usize;
        hasher.update(&part.length.to_be_bytes());
        hasher.update(digests[first..first + part.chunks as usize].as_flattened());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Statement {
        Statement {
            prologue: [1; 32],
            lengths: vec![0, 23, 24, 1 << 40],
            root: [2; 32],
            manifest: [3; 32],
            model_id: [4; 32],
            security_version: 7,
            publishers: vec![KeyId([5; 32]), KeyId([6; 32])],
        }
    }

    #[test]
    fn parsing_gives_back_what_was_encoded() {
        assert_eq!(Statement::parse(&statement().encode()), Some(statement()));
    }

    #[test]
    fn publishers_out_of_order_or_repeated_are_refused() {
        for publishers in [vec![KeyId([6; 32]), KeyId([5; 32])], vec![KeyId([5; 32]); 2]] {
            assert_eq!(Statement::parse(&Statement { publishers, ..statement() }.encode()), None);
        }
    }

    #[test]
    fn trailing_bytes_and_longer_integers_are_refused() {
        let good = statement().encode();
        assert_eq!(Statement::parse(&[&good[..], &[0]].concat()), None);
        let seven = good.iter().rposition(|&byte| byte == 7).unwrap();
        let longer = [&good[..seven], &[0x18, 7], &good[seven + 1..]].concat();
        assert_eq!(Statement::parse(&longer), None);
    }
}
