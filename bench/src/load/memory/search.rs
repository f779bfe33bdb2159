//! The search for a least limit.

use crate::Result;

/// Returns the least limit in bytes under which `runs` holds, to 1 MiB or 1 %.
///
/// Starts from `peak`, under which it probably holds.
pub(super) fn least(peak: u64, mut runs: impl FnMut(u64) -> Result<bool>) -> Result<u64> {
    let (mut low, mut high) = (0, peak + peak / 4);
    while !runs(high)? {
        low = high;
        high = high.checked_mul(2).filter(|limit| *limit < MOST).ok_or("no limit is enough")?;
    }
    while high - low > (high / 100).max(MIB) {
        let middle = low + (high - low) / 2;
        if runs(middle)? { high = middle } else { low = middle }
    }
    Ok(high)
}

const MIB: u64 = 1 << 20;

/// Searched no further: more than any machine that is measured has.
const MOST: u64 = 1 << 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_is_found_from_either_side() {
        for (peak, needed) in [(100, 70), (100, 124), (100, 900), (3, 1)] {
            let found = least(peak * MIB, |limit| Ok(limit >= needed * MIB)).unwrap();
            let above = found - needed * MIB;
            assert!(above <= (found / 100).max(MIB), "{peak} {needed}: {found}");
        }
        assert!(least(MIB, |_| Ok(false)).is_err());
    }
}
