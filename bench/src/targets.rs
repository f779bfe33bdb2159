//! What the project wants to reach, and whether this run did. Nothing fails when it did not.

use serde::Serialize;

use crate::outcome::Measured;
use crate::ratios::{DIGESTS, ONE_THREAD, Ratio, TWO_THREADS};
use crate::sealing_memory::SealingMemory;

/// One aim.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Target {
    /// What is wanted.
    pub(crate) wanted: String,
    /// What was measured: the median.
    pub(crate) found: String,
    /// Whether it was reached.
    pub(crate) met: bool,
}

/// Compares all aims with a run.
pub(crate) fn all(jobs: &[Measured], ratios: &[Ratio], memory: &[SealingMemory], vaes: bool) -> Vec<Target> {
    let ratio = |id| ratios.iter().find(|ratio| ratio.id == id).map_or(0.0, |ratio| ratio.summary.median);
    let rate = jobs.iter().find(|job| job.id == "open_any_1").map_or(0.0, |job| job.summary.median);
    vec![
        one_thread(rate, ratio(ONE_THREAD), vaes),
        at_least("any sender, 2 threads: at least 1.6 times one", ratio(TWO_THREADS), 1.6),
        at_least("named publisher, 1 thread: at least 80 % of its steps in series", ratio(DIGESTS), 0.8),
        sealing(memory),
    ]
}

fn one_thread(rate: f64, ratio: f64, vaes: bool) -> Target {
    let found = format!("{rate:.2} GB/s, {:.0} %", ratio * 100.0);
    let wanted = "any sender, 1 thread: at least 4 GB/s with VAES, or 60 % of AES-GCM alone";
    Target { wanted: wanted.to_owned(), found, met: (vaes && rate >= 4.0) || ratio >= 0.6 }
}

fn at_least(wanted: &str, ratio: f64, least: f64) -> Target {
    Target { wanted: wanted.to_owned(), found: format!("{ratio:.2}"), met: ratio >= least }
}

fn sealing(memory: &[SealingMemory]) -> Target {
    let peak = memory.iter().map(SealingMemory::above_baseline).max().unwrap_or(0);
    let found = format!("{:.1} MiB", peak as f64 / f64::from(1 << 20));
    let wanted = "sealing: less than 64 MiB of memory above the baseline".to_owned();
    Target { wanted, found, met: peak < 64 << 20 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_gigabytes_count_only_with_vaes() {
        assert!(one_thread(4.0, 0.1, true).met);
        assert!(!one_thread(4.0, 0.1, false).met);
        assert!(one_thread(1.0, 0.6, false).met);
    }
}
