//! Opens a whole container and reads its parts, with all MACs accepted.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use ovseal::{KeyFile, OpenOptions, Trust};

/// Limit on the length of a part that is read, because large buffers would only slow down the
/// fuzzer.
const LIMIT: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Ok(key) = KeyFile::from_bytes(&[1; 32]) else { return };
    let Ok(opened) = OpenOptions::new(Trust::AnySender).open_source(Arc::new(bytes.to_vec()), &[&key]) else {
        return;
    };
    for part in opened.parts().filter(|part| part.length() <= LIMIT) {
        let _ = part.read();
        let _ = part.read_range(part.length() / 2, &mut [0; 16]);
    }
});
