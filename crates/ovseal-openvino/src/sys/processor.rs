//! The features of the processor, for which plugins compile.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

/// Returns the lines of `/proc/cpuinfo` with the identity and features of the first processor.
pub(crate) fn features() -> Option<Vec<u8>> {
    // Only the first processor is read, because the kernel takes time to measure the speed of each.
    let file = File::open("/proc/cpuinfo").ok()?.take(LIMIT);
    let lines = BufReader::new(file).lines().map_while(Result::ok);
    let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).filter(|line| is_kept(line)).collect();
    lines.iter().any(|line| is_feature(line)).then(|| lines.join("\n").into_bytes())
}

/// Returns whether a line matters. Speeds, sizes and the microcode's version do not affect
/// compilation.
fn is_kept(line: &str) -> bool {
    is_feature(line) || IDENTITY.contains(&key(line))
}

fn is_feature(line: &str) -> bool {
    FEATURES.contains(&key(line))
}

fn key(line: &str) -> &str {
    line.split(':').next().unwrap_or_default().trim_end()
}

const FEATURES: [&str; 2] = ["flags", "Features"];

const IDENTITY: [&str; 9] = [
    "vendor_id",
    "cpu family",
    "model",
    "stepping",
    "CPU implementer",
    "CPU architecture",
    "CPU variant",
    "CPU part",
    "CPU revision",
];

/// An upper bound for the lines of one processor, in bytes.
const LIMIT: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_features_of_this_processor_are_found_without_its_speed() {
        let features = String::from_utf8(features().unwrap()).unwrap();
        assert!(features.lines().filter(|line| is_feature(line)).count() == 1, "{features}");
        assert!(!features.contains("MHz") && !features.contains("microcode"), "{features}");
    }
}
