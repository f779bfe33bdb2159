//! Finds and checks the external references of an ONNX model.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ovseal::{PartPath, onnx};

fuzz_target!(|bytes: &[u8]| {
    let Ok(path) = PartPath::parse("folder/model.onnx") else { return };
    if let Ok(references) = onnx::references(bytes) {
        let _ = onnx::check_references(&references, &path, &[]);
    }
});
