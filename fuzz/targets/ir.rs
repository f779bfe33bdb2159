//! Parses an untrusted IR, which must not refer to bytes outside its weights.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ovseal::ir::Topology;

const WEIGHTS: usize = 4096;

fuzz_target!(|topology: &[u8]| {
    let Ok(network) = Topology::parse(topology) else { return };
    if network.check_length(WEIGHTS as u64).is_err() {
        return;
    }
    let weights = vec![1; WEIGHTS];
    for range in network.shape_constants() {
        assert!(range.start <= range.end && range.end <= WEIGHTS as u64);
    }
    for (table, range) in network.string_tables() {
        let _ = table.check(&weights[range.start as usize..range.end as usize]);
    }
});
