//! Helpers shared by the tests: the real runtime and two small networks.
#![allow(dead_code, reason = "each test binary uses a part of this")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]

pub(crate) mod flipped;
pub(crate) mod ir;
pub(crate) mod protobuf;

use std::path::PathBuf;
use std::sync::Arc;

use ovseal_openvino::{CompiledModel, Core, ElementType, Environment, InferRequest, Runtime, Tensor};

/// Returns a variable of the test set-up.
pub(crate) fn set_up(name: &str) -> PathBuf {
    let value = std::env::var_os(name);
    PathBuf::from(value.unwrap_or_else(|| panic!("{name} is not set: run `cargo xtask test`")))
}

pub(crate) fn runtime() -> Runtime {
    Runtime::locate(Some(&set_up("OVSEAL_OPENVINO")), &Environment::default()).unwrap()
}

pub(crate) fn core() -> Core {
    Core::new(&runtime()).unwrap()
}

/// A network of the test set-up.
#[derive(Clone, Copy)]
pub(crate) struct Network {
    pub(crate) folder: &'static str,
    pub(crate) input: &'static str,
    pub(crate) element_type: ElementType,
    pub(crate) shape: &'static [usize],
}

/// A small convolutional network of fixed shape.
pub(crate) const CONV: Network =
    Network { folder: "conv", input: "x", element_type: ElementType::F32, shape: &[1, 3, 32, 32] };

/// A table of embeddings, read in place, and two layers; its input has a dynamic length.
pub(crate) const MLP: Network =
    Network { folder: "mlp", input: "ids", element_type: ElementType::I64, shape: &[1, 7] };

impl Network {
    pub(crate) fn path(&self) -> PathBuf {
        set_up("OVSEAL_TEST_MODELS").join(self.folder).join("model.xml")
    }

    pub(crate) fn topology(&self) -> Vec<u8> {
        std::fs::read(self.path()).unwrap()
    }

    pub(crate) fn weights(&self) -> Vec<u8> {
        std::fs::read(self.path().with_extension("bin")).unwrap()
    }

    /// Compiles the network from memory.
    pub(crate) fn compile(&self, core: &Core) -> CompiledModel {
        let model = core.read_model(&self.topology(), Some(Arc::new(self.weights()))).unwrap();
        core.compile(&model, "CPU", &[]).unwrap()
    }

    /// Computes the output from the plaintext files.
    pub(crate) fn expected(&self, core: &Core) -> Vec<u8> {
        let model = core.read_model_from_path(&self.path()).unwrap();
        self.infer(&core.compile(&model, "CPU", &[]).unwrap())
    }

    pub(crate) fn infer(&self, compiled: &CompiledModel) -> Vec<u8> {
        self.infer_with(&mut compiled.create_request().unwrap())
    }

    pub(crate) fn infer_with(&self, request: &mut InferRequest) -> Vec<u8> {
        request.set_input(self.input, self.tensor()).unwrap();
        request.infer().unwrap();
        request.output(0).unwrap().bytes().to_vec()
    }

    pub(crate) fn tensor(&self) -> Tensor {
        let mut tensor = Tensor::new(&runtime(), self.element_type, self.shape).unwrap();
        let width = self.element_type.bits() / 8;
        for (index, element) in tensor.bytes_mut().chunks_exact_mut(width).enumerate() {
            match width {
                4 => element.copy_from_slice(&((index % 97) as f32 / 97.0).to_ne_bytes()),
                _ => element.copy_from_slice(&((index * 13 % 97) as i64).to_ne_bytes()),
            }
        }
        tensor
    }
}
