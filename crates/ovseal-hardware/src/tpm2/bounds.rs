//! Bounds that the TPM enforces on one stanza: measured state, epoch, powered-on time.

use super::pcr::PcrValues;
use super::policy::{CounterIndex, PolicyDigest};
use super::wire::Reader;

/// Conditions for unsealing a stanza's share, besides the policy of the device's key.
///
/// There are none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Bounds {
    pub(super) pcr: Option<PcrValues>,
    pub(super) epoch: Option<u64>,
    pub(super) clock: Option<u64>,
}

impl Bounds {
    /// Requires these values of PCRs.
    pub fn pcr(self, values: PcrValues) -> Self {
        Self { pcr: Some(values), ..self }
    }

    /// Requires the device's epoch, a counter in the TPM that only grows, to be at most `epoch`.
    pub fn epoch_at_most(self, epoch: u64) -> Self {
        Self { epoch: Some(epoch), ..self }
    }

    /// Requires the TPM's clock to be below `milliseconds`.
    ///
    /// The clock counts the time the device was powered on since its TPM was cleared. The clock
    /// cannot be set back, but may lose minutes after an unclean power-off.
    pub fn clock_below(self, milliseconds: u64) -> Self {
        Self { clock: Some(milliseconds), ..self }
    }

    /// Returns the required values of PCRs, if any.
    pub fn pcr_values(&self) -> Option<&PcrValues> {
        self.pcr.as_ref()
    }

    /// Returns the last epoch in which the stanza opens, if there is such a bound.
    pub fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// Returns the bound of the clock in milliseconds, if there is one.
    pub fn clock(&self) -> Option<u64> {
        self.clock
    }

    /// Returns the policy of the sealed object, or `None` if there are no bounds.
    pub(super) fn policy(&self, counter: CounterIndex) -> Option<PolicyDigest> {
        let mut policy = PolicyDigest::EMPTY;
        if let Some(values) = &self.pcr {
            policy = policy.pcr(values);
        }
        if let Some(limit) = self.epoch {
            policy = policy.counter_at_most(counter, limit);
        }
        if let Some(limit) = self.clock {
            policy = policy.clock_below(limit);
        }
        (policy != PolicyDigest::EMPTY).then_some(policy)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        let flags = flag(self.pcr.is_some(), PCR) | flag(self.epoch.is_some(), EPOCH);
        let mut bytes = vec![flags | flag(self.clock.is_some(), CLOCK)];
        bytes.extend(self.pcr.iter().flat_map(PcrValues::encode));
        bytes.extend([self.epoch, self.clock].into_iter().flatten().flat_map(u64::to_be_bytes));
        bytes
    }

    pub(super) fn take(reader: &mut Reader<'_>) -> Option<Self> {
        let flags = reader.u8().filter(|flags| flags & !(PCR | EPOCH | CLOCK) == 0)?;
        let pcr = if flags & PCR != 0 { Some(PcrValues::take(reader)?) } else { None };
        let epoch = if flags & EPOCH != 0 { Some(reader.u64()?) } else { None };
        let clock = if flags & CLOCK != 0 { Some(reader.u64()?) } else { None };
        Some(Self { pcr, epoch, clock })
    }
}

const PCR: u8 = 1;
const EPOCH: u8 = 2;
const CLOCK: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_bounds_are_decoded_and_cuts_are_rejected() {
        let values = PcrValues::from_iter([(7, [7; 32])]);
        let full = Bounds::default().pcr(values).epoch_at_most(3).clock_below(9);
        for bounds in [Bounds::default(), Bounds::default().clock_below(5), full] {
            let bytes = bounds.encode();
            assert_eq!(Bounds::take(&mut Reader(&bytes)), Some(bounds));
            for length in 0..bytes.len() {
                assert_eq!(Bounds::take(&mut Reader(&bytes[..length])), None);
            }
        }
        assert_eq!(Bounds::take(&mut Reader(&[8])), None);
    }
}
