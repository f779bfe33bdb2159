//! Deterministic CBOR (RFC 8949 §4.2.1) by decoding and encoding again.

use minicbor::{Decode, Encode};

/// Encodes `value`. The types of this crate encode deterministically.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    minicbor::to_vec(value).expect("a growing buffer takes every write")
}

/// Decodes bytes that are exactly what [`encode`] gives for their value; anything else is nothing.
pub fn decode<'b, T: Decode<'b, ()> + Encode<()>>(bytes: &'b [u8]) -> Option<T> {
    let value = minicbor::decode(bytes).ok()?;
    (encode(&value) == bytes).then_some(value)
}
