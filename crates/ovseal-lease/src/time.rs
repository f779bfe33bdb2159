//! Times, and what a device believes of its clock (`docs/license-protocol.md` §5).
//!
//! The types have no order outside this crate: [`Lease::state`](crate::Lease::state) alone compares
//! times.

use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};

use crate::values::cbor_as;

const TIME_LIMIT: u64 = 1 << 48;
const DURATION_LIMIT: u64 = 1 << 36;
/// Greatest distance by which a clock may be behind without a warning.
const TOLERANCE: u64 = 10 * 60 * 1000;

/// A time: milliseconds since 1970-01-01 00:00:00 UTC, below 2^48.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(u64);

/// A duration: milliseconds, at most 2^36.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duration(u64);

/// The times that a client knows when it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The latest time that the client has stored.
    pub latest: Time,
    /// The value of `latest` at the first use since the system was booted.
    pub base: Time,
    /// Milliseconds since that use, by a clock that counts suspended time and cannot be set.
    pub elapsed: u64,
}

/// The time that a client assumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// The time, which the client stores as its latest one.
    pub now: Time,
    /// True if the system's clock was set back.
    pub is_set_back: bool,
}

impl Time {
    /// Returns the time after this many milliseconds, or `None` if it is too late.
    pub const fn from_millis(milliseconds: u64) -> Option<Self> {
        if milliseconds < TIME_LIMIT { Some(Self(milliseconds)) } else { None }
    }

    /// Returns the milliseconds since 1970-01-01 00:00:00 UTC.
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

impl Duration {
    /// Returns the duration of this many milliseconds, or `None` if it is too long.
    pub const fn from_millis(milliseconds: u64) -> Option<Self> {
        if milliseconds <= DURATION_LIMIT { Some(Self(milliseconds)) } else { None }
    }

    /// Returns the milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

impl Clock {
    /// Returns the time to assume if the system's clock shows `wall`.
    ///
    /// A clock below what the client already knows is not believed.
    pub fn read(&self, wall: Time) -> ClockReading {
        let known = self.latest.0.max(self.base.0.saturating_add(self.elapsed));
        let known = known.min(TIME_LIMIT - 1);
        let is_set_back = wall.0.saturating_add(TOLERANCE) < known;
        ClockReading { now: Time(wall.0.max(known)), is_set_back }
    }
}

cbor_as!(Time, u64, |time| time.0, Time::from_millis);
cbor_as!(Duration, u64, |duration| duration.0, Duration::from_millis);

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(latest: u64, base: u64, elapsed: u64) -> Clock {
        Clock { latest: Time(latest), base: Time(base), elapsed }
    }

    #[test]
    fn a_clock_that_is_ahead_is_believed() {
        let reading = clock(1000, 500, 20).read(Time(5000));
        assert_eq!(reading, ClockReading { now: Time(5000), is_set_back: false });
    }

    #[test]
    fn a_clock_that_was_set_back_is_replaced_by_what_has_passed_since() {
        let known = 10 * TOLERANCE;
        let reading = clock(known, known, 7).read(Time(0));
        assert_eq!(reading, ClockReading { now: Time(known + 7), is_set_back: true });
        let slightly = clock(known, known, 0).read(Time(known - TOLERANCE));
        assert_eq!(slightly, ClockReading { now: Time(known), is_set_back: false });
    }

    #[test]
    fn the_latest_time_counts_if_it_is_beyond_what_has_passed() {
        assert_eq!(clock(9000, 100, 7).read(Time(0)).now, Time(9000));
        assert_eq!(clock(0, u64::MAX >> 16, u64::MAX).read(Time(0)).now, Time(TIME_LIMIT - 1));
    }
}
