//! A compiled network, from either interface to the runtime.

use aws_lc_rs::digest::{Context, SHA256};
use ovseal_openvino::{Dimension, InferRequest, PartialShape, Port, Runtime, Tensor};

use crate::Result;

/// A network, ready to compute.
pub(super) trait Ready {
    /// Sets the inputs' elements, one input after the other.
    fn feed(&mut self, input: &[u8]) -> Result<()>;

    /// Runs one inference.
    fn infer(&mut self) -> Result<()>;

    /// Releases memory that is not needed after the first inference, and waits until that is done.
    fn settle(&mut self) {}

    /// Returns the SHA-256 of all outputs.
    fn output(&self) -> Result<String>;
}

/// A network that `ovseal-openvino` compiled.
pub(super) struct Safe {
    runtime: Runtime,
    request: InferRequest,
}

impl Safe {
    /// Wraps a request without inputs.
    pub(super) fn new(runtime: &Runtime, request: InferRequest) -> Self {
        Self { runtime: runtime.clone(), request }
    }
}

impl Ready for Safe {
    fn feed(&mut self, mut input: &[u8]) -> Result<()> {
        let ports = self.request.compiled().inputs().to_vec();
        for (index, port) in ports.iter().enumerate() {
            let mut tensor = Tensor::new(&self.runtime, port.element_type, &extents(port)?)?;
            let length = tensor.bytes().len();
            let (bytes, rest) = input.split_at_checked(length).ok_or(TOO_SHORT)?;
            tensor.bytes_mut().copy_from_slice(bytes);
            self.request.set_input(index, tensor)?;
            input = rest;
        }
        Ok(())
    }

    fn infer(&mut self) -> Result<()> {
        Ok(self.request.infer()?)
    }

    fn settle(&mut self) {
        self.request.compiled().release_weights();
    }

    fn output(&self) -> Result<String> {
        let mut digest = Digest::default();
        for index in 0..self.request.compiled().outputs().len() {
            digest.add(self.request.output(index)?.bytes());
        }
        Ok(digest.finish())
    }
}

fn extents(port: &Port) -> Result<Vec<usize>> {
    let PartialShape::Ranked(dimensions) = &port.shape else { return Err(NOT_FIXED.into()) };
    let fixed = |dimension: &Dimension| match dimension {
        Dimension::Fixed(extent) => Some(*extent),
        Dimension::Dynamic { .. } => None,
    };
    Ok(dimensions.iter().map(fixed).collect::<Option<_>>().ok_or(NOT_FIXED)?)
}

/// The digest of outputs, one after another.
pub(super) struct Digest(Context);

impl Default for Digest {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Digest {
    /// Adds an output.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the digest in hexadecimal digits.
    pub(super) fn finish(self) -> String {
        base16ct::lower::encode_string(self.0.finish().as_ref())
    }
}

/// The error for a file of inputs that does not belong to the network.
pub(super) const TOO_SHORT: &str = "the file of inputs is too short for the network";

const NOT_FIXED: &str = "an input of the network has no fixed shape";
