//! The machine that measures.

use std::fs;
use std::thread::available_parallelism;

use serde::{Deserialize, Serialize};

/// The processor and those of its features that matter here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor's name, as the kernel reports it.
    pub(crate) cpu: String,
    /// Processors that this process may use.
    pub(crate) cores: usize,
    /// True if AES-GCM can process two or four blocks in one instruction.
    pub(crate) vaes: bool,
    /// True if there are registers of 512 bits.
    pub(crate) avx512: bool,
    /// Main memory in bytes.
    pub(crate) memory_bytes: u64,
    /// Triple of operating system and architecture.
    pub(crate) platform: String,
}

impl Machine {
    /// Reads the facts from the kernel. Facts that the kernel does not report are left empty.
    pub(crate) fn detect() -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let flags = field(&cpu, "flags").unwrap_or_default();
        let has = |flag| flags.split(' ').any(|found| found == flag);
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        Self {
            cpu: field(&cpu, "model name").unwrap_or("unknown").to_owned(),
            cores: available_parallelism().map_or(1, usize::from),
            vaes: has("vaes"),
            avx512: has("avx512f"),
            memory_bytes: field(&memory, "MemTotal").and_then(kilobytes).unwrap_or(0),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

/// Returns the value of the first line `name : value`.
pub(crate) fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim()).next()
}

/// Parses a number of bytes, written like `12 kB` with 1024 bytes each.
pub(crate) fn kilobytes(text: &str) -> Option<u64> {
    text.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_kernel_are_found() {
        let text = "processor\t: 0\nmodel name\t: Fast: 9\nVmHWM:\t    2048 kB\n";
        assert_eq!(field(text, "model name"), Some("Fast: 9"));
        assert_eq!(field(text, "VmHWM").and_then(kilobytes), Some(2 << 20));
        assert_eq!(field(text, "flags"), None);
    }
}
