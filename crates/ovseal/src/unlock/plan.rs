//! Limits the key derivation that a container requests before anything in it has been
//! authenticated.

use ovseal_format::recipient::Derivation;

use crate::error::OpenError;

/// The limit on key derivation in one call, in MiB of memory times passes.
///
/// It limits the sum over all stanzas that the call could try. A single derivation may use a
/// quarter of the limit as memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KdfLimit {
    pub(crate) mib: u32,
}

impl Default for KdfLimit {
    /// 1 GiB in total, so at most 256 MiB of memory.
    fn default() -> Self {
        Self { mib: 1024 }
    }
}

/// The derivations that a call may do, decided before the first of them is done.
pub(crate) struct Plan {
    limit: KdfLimit,
    spent_kib: u64,
    allowed: Vec<Numbered>,
    /// The smallest limit that would allow the first skipped derivation.
    needed_mib: Option<u64>,
}

/// A derivation, and the number of the identity whose passphrase it needs.
type Numbered = (usize, Derivation);

impl Plan {
    pub(crate) const fn new(limit: KdfLimit) -> Self {
        Self { limit, spent_kib: 0, allowed: Vec::new(), needed_mib: None }
    }

    /// Counts a derivation, unless an equal one has been counted. Skips the derivation if it
    /// exceeds the limit.
    pub(crate) fn count(&mut self, numbered: Numbered) {
        if self.allows(&numbered) {
            return;
        }
        let cost = numbered.1.cost;
        let spent = self.spent_kib + cost.work_kib();
        let needed = spent.max(MEMORY_FACTOR * u64::from(cost.memory_kib()));
        if needed <= u64::from(self.limit.mib) << 10 {
            self.spent_kib = spent;
            self.allowed.push(numbered);
        } else {
            self.needed_mib.get_or_insert(needed.div_ceil(1 << 10));
        }
    }

    /// Returns true if the derivation was counted and not skipped.
    pub(crate) fn allows(&self, numbered: &Numbered) -> bool {
        self.allowed.contains(numbered)
    }

    /// Returns the error for a call in which no key fits and a derivation was skipped.
    pub(crate) fn error(&self) -> Option<OpenError> {
        self.needed_mib.map(|needed| OpenError::KdfLimit { needed, limit: self.limit.mib })
    }
}

/// Ratio of the limit to the memory that a single derivation may use.
const MEMORY_FACTOR: u64 = 4;

#[cfg(test)]
mod tests {
    use ovseal_format::recipient::Argon2Cost;

    use super::*;

    fn derivation(salt: u8, memory_mib: u32, passes: u32) -> Numbered {
        let cost = Argon2Cost::new(memory_mib << 10, passes, 1).unwrap();
        (0, Derivation { salt: [salt; 32], cost })
    }

    fn planned(limit: u32, derivations: &[Numbered]) -> (Vec<bool>, Option<u64>) {
        let mut plan = Plan::new(KdfLimit { mib: limit });
        derivations.iter().for_each(|each| plan.count(*each));
        (derivations.iter().map(|each| plan.allows(each)).collect(), plan.needed_mib)
    }

    #[test]
    fn the_sum_counts_in_order_and_what_exceeds_it_is_passed_over() {
        let three = [derivation(1, 256, 2), derivation(2, 256, 3), derivation(3, 256, 2)];
        assert_eq!(planned(1024, &three), (vec![true, false, true], Some(1280)));
        assert_eq!(planned(1280, &three), (vec![true, true, false], Some(1792)));
        assert_eq!(planned(1792, &three), (vec![true, true, true], None));
    }

    #[test]
    fn a_single_derivation_takes_a_quarter_of_the_limit_as_memory() {
        assert_eq!(planned(1024, &[derivation(1, 256, 4)]), (vec![true], None));
        assert_eq!(planned(1024, &[derivation(1, 257, 1)]), (vec![false], Some(1028)));
        // With 4 GiB, one stanza may use all that the format allows.
        assert_eq!(planned(4096, &[derivation(1, 1024, 4)]), (vec![true], None));
    }

    #[test]
    fn equal_salt_and_cost_count_once_for_each_identity() {
        let first = derivation(1, 128, 4);
        assert_eq!(planned(512, &[first, first]), (vec![true, true], None));
        let of_another_identity = (1, first.1);
        assert_eq!(planned(1023, &[first, of_another_identity]), (vec![true, false], Some(1024)));
    }
}
