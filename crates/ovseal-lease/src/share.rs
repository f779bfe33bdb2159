//! Shares, encrypted to a device of level 0 (`docs/license-protocol.md` §8.3).

use minicbor::bytes::ByteVec;
use ovseal_format::cbor;

use crate::ids::{Context, Hash, RequestHash, sha256};

/// Returns HPKE's `info` for the shares that answer the request with this hash.
pub fn share_info(request: RequestHash) -> Vec<u8> {
    [b"ovseal/v1/lease-share\0", &request.as_bytes()[..]].concat()
}

/// Returns HPKE's associated data for a share, by its item's position in the request and its own in
/// the stanza.
pub fn share_associated_data(item: u8, share: u8, context: &Context) -> Vec<u8> {
    [&[item, share], &context.as_bytes()[..]].concat()
}

/// Returns the hash of an item's wrapped shares, which the lease carries.
pub fn shares_hash(shares: &[Vec<u8>]) -> Hash {
    let shares: Vec<ByteVec> = shares.iter().cloned().map(ByteVec::from).collect();
    Hash::from_bytes(sha256(&[&cbor::encode(&shares)]))
}
