//! An input or output, as the report names it.

use aws_lc_rs::digest::{Context, SHA256};
use ovseal_openvino::ElementType;
use serde::Serialize;

/// Name, form and fingerprint of a tensor.
#[derive(Debug, Serialize)]
pub(super) struct Described {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    #[serde(rename = "type")]
    pub(super) element_type: &'static str,
    /// Over the raw bytes, in C order.
    pub(super) sha256: String,
}

impl Described {
    pub(super) fn new(name: &str, shape: &[usize], element_type: ElementType, sha256: String) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), element_type: element_type.name(), sha256 }
    }
}

/// SHA-256 of pieces, one after the other, in hexadecimal digits.
pub(super) fn sha256<B: AsRef<[u8]>>(pieces: impl IntoIterator<Item = B>) -> String {
    let mut context = Context::new(&SHA256);
    pieces.into_iter().for_each(|piece| context.update(piece.as_ref()));
    base16ct::lower::encode_string(context.finish().as_ref())
}
