//! The statement, which a publisher signs and anyone can read (`docs/format.md` §6.2).

use minicbor::{Decode, Encode};

use crate::cbor;
use crate::hex_id::hex_id;
use crate::layout::Layout;
use crate::suite::{Digest, Suite, sha256};

/// Maximum length of a statement, in bytes.
pub const STATEMENT_LIMIT: u64 = 65_536;

/// Maximum number of publishers of a container.
pub const PUBLISHER_LIMIT: usize = 8;

/// The statement of a container: hashes of its sections, the model's id and its security version.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Statement {
    /// Digest of the prologue.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub prologue: Digest,
    /// Lengths of the parts in bytes.
    #[n(1)]
    pub lengths: Vec<u64>,
    /// Root: one hash over the lengths of all parts and the digests of their chunks.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub root: Digest,
    /// Digest of the encrypted manifest with its tag.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub manifest: Digest,
    /// The model's id, see [`ModelId`].
    #[cbor(n(4), with = "minicbor::bytes")]
    pub model_id: Digest,
    /// Security version.
    #[n(5)]
    pub security_version: u64,
    /// Key ids of the publishers, strictly ascending; empty if the container is unsigned.
    #[n(6)]
    pub publishers: Vec<KeyId>,
}

/// The id of a publisher's public key: a SHA-256 digest of it (`docs/format.md` §6.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct KeyId(#[cbor(n(0), with = "minicbor::bytes")] pub(crate) [u8; 32]);

hex_id!(KeyId);

/// The id of a model: a SHA-256 digest of its name, the same for every version of the model.
///
/// The container stores it in the clear. Anyone who guesses the name can confirm it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(pub(crate) Digest);

hex_id!(ModelId);

impl ModelId {
    /// Returns the id of the model with this name.
    pub fn of(name: &str) -> Self {
        Self(sha256(&[b"ovseal/v1/model\0", name.as_bytes()]))
    }
}

impl Statement {
    /// Parses a statement. Returns `None` unless it has the one valid encoding.
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

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(self)
    }
}

/// Returns the message that publishers sign for an encoded statement (`docs/format.md` §6.3).
pub fn signed_message(statement: &[u8]) -> Vec<u8> {
    [b"ovseal/v1/statement\0", statement].concat()
}

/// Returns the root of the digests of all chunks.
///
/// `digests` holds one digest for each chunk of `layout`, in order.
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
    fn an_encoded_statement_parses_to_itself() {
        assert_eq!(Statement::parse(&statement().encode()), Some(statement()));
    }

    #[test]
    fn publishers_out_of_order_or_repeated_are_rejected() {
        for publishers in [vec![KeyId([6; 32]), KeyId([5; 32])], vec![KeyId([5; 32]); 2]] {
            assert_eq!(Statement::parse(&Statement { publishers, ..statement() }.encode()), None);
        }
    }

    #[test]
    fn trailing_bytes_and_longer_integers_are_rejected() {
        let good = statement().encode();
        assert_eq!(Statement::parse(&[&good[..], &[0]].concat()), None);
        let seven = good.iter().rposition(|&byte| byte == 7).unwrap();
        let longer = [&good[..seven], &[0x18, 7], &good[seven + 1..]].concat();
        assert_eq!(Statement::parse(&longer), None);
    }
}
