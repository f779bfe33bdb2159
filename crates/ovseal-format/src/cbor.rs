//! Deterministic CBOR (RFC 8949 §4.2.1), enforced by encoding what was decoded.

use minicbor::{Decode, Encode};

/// Encodes `value`. The types of this crate encode deterministically.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    minicbor::to_vec(value).expect("writing to a growing buffer cannot fail")
}

/// Decodes `bytes`. Returns `None` unless [`encode`] turns the decoded value back into the same
/// bytes.
pub fn decode<'b, T: Decode<'b, ()> + Encode<()>>(bytes: &'b [u8]) -> Option<T> {
    let value = minicbor::decode(bytes).ok()?;
    (encode(&value) == bytes).then_some(value)
}
