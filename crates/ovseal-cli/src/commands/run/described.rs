//! An input or output in the report.

use aws_lc_rs::digest::{Context, SHA256};
use ovseal_openvino::ElementType;
use serde::Serialize;

/// The name, shape, type and digest of a tensor.
#[derive(Debug, Serialize)]
pub(super) struct Described {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    #[serde(rename = "type")]
    pub(super) element_type: &'static str,
    /// The SHA-256 of the raw bytes, in C order.
    pub(super) sha256: String,
}

impl Described {
    pub(super) fn new(name: &str, shape: &[usize], element_type: ElementType, sha256: String) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), element_type: element_type.name(), sha256 }
    }
}

/// Returns the SHA-256 of concatenated pieces, in hexadecimal.
pub(super) fn sha256<B: AsRef<[u8]>>(pieces: impl IntoIterator<Item = B>) -> String {
    let mut context = Context::new(&SHA256);
    pieces.into_iter().for_each(|piece| context.update(piece.as_ref()));
    base16ct::lower::encode_string(context.finish().as_ref())
}
