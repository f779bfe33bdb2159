//! Makes skeletons of ONNX models, which must point only into the model or its companion.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ovseal::PartPath;
use ovseal::onnx::{self, OnnxError, Skeleton};

fuzz_target!(|bytes: &[u8]| {
    let [Ok(path), Ok(companion)] = ["folder/model.onnx", "folder/w"].map(PartPath::parse) else { return };
    let weights = [7; 4096];
    let Ok(skeleton) = Skeleton::new(&path, bytes, &[(&companion, &weights)]) else { return };
    for pointer in skeleton.pointers() {
        let source = if pointer.companion.is_some() { &weights[..] } else { bytes };
        assert!(
            source.get(pointer.offset..pointer.offset + pointer.length).is_some_and(|data| !data.is_empty())
        );
    }
    let kept = bytes.len() + 128 * skeleton.pointers().len();
    assert!(skeleton.as_ref().len() <= kept);
    let found = onnx::references(skeleton.as_ref());
    assert_eq!(found == Err(OnnxError::MemoryAddress), !skeleton.pointers().is_empty());
});
