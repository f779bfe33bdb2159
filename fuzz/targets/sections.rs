//! Parses single sections and files. The first byte selects the parser.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ovseal::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    match choice % 6 {
        0 => fuzzing::statement(bytes),
        1 => fuzzing::manifest(bytes),
        2 => fuzzing::signatures(bytes),
        3 => fuzzing::stanzas(bytes),
        4 => fuzzing::files_next_to(bytes),
        _ => fuzzing::rollback_state(bytes),
    }
});
