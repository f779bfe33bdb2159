//! The memory of the process as counted by the kernel, including the pages of mapped files.

use ovseal_openvino::CompiledModel;

use crate::ui::Output;

/// Returns the peak of resident memory in bytes (`VmHWM`).
pub(super) fn peak() -> Option<u64> {
    field("VmHWM:")
}

/// Returns the resident memory in bytes (`VmRSS`).
pub(super) fn resident() -> Option<u64> {
    field("VmRSS:")
}

/// Warns if weights were decrypted again and again because memory was short.
pub(super) fn warn_if_short(compiled: &CompiledModel, output: &mut Output) {
    let (again, length) = (compiled.refilled_bytes(), compiled.refillable_bytes());
    if length > 0 && again / length >= TOO_OFTEN {
        output.warning(&format!(
            "memory is short: the weights were decrypted {} times; give the model more, or raise \
             --memory-budget",
            1 + again / length
        ));
    }
}

/// The runtime reads some weights twice while it compiles, and once more in an inference.
const TOO_OFTEN: u64 = 4;

fn field(name: &str) -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/status").ok()?, name)
}

/// Parses a line such as `VmRSS: 1234 kB`.
fn parse(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_in_bytes() {
        let status = "Name:\tovseal\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!((parse(status, "VmHWM:"), parse(status, "VmSwap:")), (Some(2 << 20), None));
    }

    #[test]
    fn the_peak_is_not_below_the_resident_memory() {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let [peak, resident] = ["VmHWM:", "VmRSS:"].map(|name| parse(&status, name).unwrap());
        assert!(peak >= resident && resident > 0, "{peak} and {resident}");
    }
}
