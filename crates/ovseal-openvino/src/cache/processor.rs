//! What the processor can do, since plugins compile for that.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

/// The lines of `/proc/cpuinfo` that say which processor it is and what it can do, for the first one.
pub(super) fn features() -> Option<Vec<u8>> {
    // Further processors are left out: asking for their speed takes the kernel time.
    let file = File::open("/proc/cpuinfo").ok()?.take(LIMIT);
    let lines = BufReader::new(file).lines().map_while(Result::ok);
    let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).filter(|line| is_kept(line)).collect();
    lines.iter().any(|line| is_feature(line)).then(|| lines.join("\n").into_bytes())
}

/// Speeds, sizes and the microcode's version change without a difference to a compiled model.
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

/// More than the lines of one processor have.
const LIMIT: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_features_of_this_processor_are_found_and_its_speed_is_not() {
        let features = String::from_utf8(features().unwrap()).unwrap();
        assert!(features.lines().filter(|line| is_feature(line)).count() == 1, "{features}");
        assert!(!features.contains("MHz") && !features.contains("microcode"), "{features}");
    }
}
