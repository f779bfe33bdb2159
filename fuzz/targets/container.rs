//! A whole container: frame, statement, stanzas, trailer, manifest and parts, with every MAC passing.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use ovseal::{KeyFile, OpenOptions, Trust};

/// Parts above this are not read: the fuzzer would only find that large buffers take time.
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
