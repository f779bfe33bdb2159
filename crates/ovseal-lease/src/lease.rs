//! A lease, and what it allows at a time (`docs/license-protocol.md` §4, §8.2).

use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};
use ovseal_format::share::ProductId;

use crate::ids::{Context, DeviceId, Hash, LeaseId, LicenceId, RequestHash, ServiceId};
use crate::policy::{ExpiryPolicy, Level, RecallPolicy};
use crate::request::LEASE_LIMIT;
use crate::revocations::Revocations;
use crate::sign1::{Domain, SignedObject};
use crate::time::{Duration, Time};
use crate::values::{Nullable, Number, Version, cbor_as, is_ascending};

/// Shortest lease: one minute.
const SHORTEST: u64 = 60_000;

/// A lease, as the service signs it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Lease {
    #[n(0)]
    pub(crate) version: Version,
    /// The service.
    #[n(1)]
    pub service: ServiceId,
    /// The id of the lease.
    #[n(2)]
    pub id: LeaseId,
    /// `R` of the request that it answers.
    #[n(3)]
    pub request: RequestHash,
    /// The device.
    #[n(4)]
    pub device: DeviceId,
    /// The licence.
    #[n(5)]
    pub licence: LicenceId,
    /// The level of the device.
    #[n(6)]
    pub level: Level,
    /// 1 to 16 containers, in the order of the request.
    #[n(7)]
    pub items: Vec<LeaseItem>,
    /// The contexts of requested containers that were recalled, ascending.
    #[n(8)]
    pub recalled: Vec<Context>,
    /// The beginning.
    #[n(9)]
    pub not_before: Time,
    /// The end, after which the grace begins.
    #[n(10)]
    pub expires: Time,
    /// The time from which the client asks for a new lease.
    #[n(11)]
    pub refresh_after: Time,
    /// The grace.
    #[n(12)]
    pub grace: Duration,
    /// The licence's demands on the client.
    #[n(13)]
    pub flags: Flags,
    #[n(14)]
    pub(crate) licence_end: Nullable<Time>,
    /// The service's time.
    #[n(15)]
    pub server_time: Time,
    /// One more after each restored backup of the service.
    #[n(16)]
    pub server_epoch: Number,
    /// The greatest value of the device's counter at which its TPM unseals; 0 at level 0.
    #[n(17)]
    pub device_epoch: Number,
    /// The value of the TPM's clock from which it no longer unseals, in milliseconds; 0 at level 0.
    #[n(18)]
    pub clock_bound: Number,
    /// The number of the revocation list in force.
    #[n(19)]
    pub revocations: Number,
    /// The serial of the service file in force.
    #[n(20)]
    pub serial: Number,
    /// The lease's row in the service's audit.
    #[n(21)]
    pub audit: AuditRow,
}

/// A container for which a lease was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct LeaseItem {
    /// The product.
    #[n(0)]
    pub product: ProductId,
    /// The container's context.
    #[n(1)]
    pub context: Context,
    /// The hash of its wrapped shares.
    #[n(2)]
    pub shares: Hash,
}

/// A row of the service's audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AuditRow {
    /// Its number.
    #[n(0)]
    pub sequence: Number,
    /// Its hash, which covers all rows before it.
    #[n(1)]
    pub hash: Hash,
}

/// A licence's demands on the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    /// The effect of the licence's own date.
    pub on_expiry: ExpiryPolicy,
    /// The effect of a recall on a running program.
    pub on_recall: RecallPolicy,
    /// True if nothing opens while the clock is set back.
    pub strict_clock: bool,
}

/// The rights that a lease gives at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The service ended it. Nothing opens.
    Revoked,
    /// It has not begun. Nothing opens.
    NotYet {
        /// When it begins.
        from: Time,
    },
    /// It opens.
    Valid,
    /// It opens, and a renewal is due.
    Refresh,
    /// It opens with a warning.
    Grace {
        /// When nothing opens any more.
        until: Time,
    },
    /// It ended. Nothing opens.
    Over {
        /// Since when.
        since: Time,
    },
}

impl Lease {
    /// Returns what the lease allows at `now` for the container with this context.
    ///
    /// Nothing else compares times.
    pub fn state(&self, now: Time, revocations: &Revocations, context: &Context) -> State {
        let now = now.as_millis();
        let end = self.end();
        if revocations.names(&self.device, &self.licence, &self.id, context) {
            State::Revoked
        } else if now < self.not_before.as_millis() {
            State::NotYet { from: self.not_before }
        } else if now < self.refresh_after.as_millis().min(self.expires.as_millis()) {
            State::Valid
        } else if now < self.expires.as_millis() {
            State::Refresh
        } else if now < end.as_millis() {
            State::Grace { until: end }
        } else {
            State::Over { since: end }
        }
    }

    /// Returns the end of the licence itself, if it has one.
    pub fn licence_end(&self) -> Option<Time> {
        self.licence_end.0
    }

    /// Returns the item for this product and container.
    pub fn item(&self, product: ProductId, context: &Context) -> Option<&LeaseItem> {
        self.items.iter().find(|item| item.product == product && item.context == *context)
    }

    /// Returns the end of the grace.
    fn end(&self) -> Time {
        let end = self.expires.as_millis() + self.grace.as_millis();
        Time::from_millis(end).unwrap_or(self.expires)
    }

    fn has_consistent_times(&self) -> bool {
        let [from, until] = [self.not_before, self.expires].map(Time::as_millis);
        let length = until.checked_sub(from).and_then(Duration::from_millis);
        let is_long_enough = length.is_some_and(|length| length.as_millis() >= SHORTEST);
        let ends = Time::from_millis(until + self.grace.as_millis()).is_some();
        is_long_enough
            && ends
            && (from..until).contains(&self.server_time.as_millis())
            && (from..=until).contains(&self.refresh_after.as_millis())
    }

    fn has_consistent_bounds(&self) -> bool {
        let bounds = [self.device_epoch.get(), self.clock_bound.get()];
        match self.level {
            Level::Tpm | Level::Measured => bounds.iter().all(|&bound| bound > 0),
            Level::Software | Level::Enclave => bounds == [0, 0],
        }
    }
}

impl SignedObject for Lease {
    const DOMAIN: Domain = Domain::Lease;
    const LIMIT: usize = LEASE_LIMIT;

    fn is_consistent(&self) -> bool {
        let pair = |item: &LeaseItem| (item.product, item.context);
        let mut pairs: Vec<_> = self.items.iter().map(pair).collect();
        pairs.sort_unstable();
        let recalled = |item: &LeaseItem| self.recalled.contains(&item.context);
        (1..=16).contains(&self.items.len())
            && is_ascending(&pairs)
            && self.recalled.len() <= 15
            && is_ascending(&self.recalled)
            && !self.items.iter().any(recalled)
            && self.has_consistent_times()
            && self.has_consistent_bounds()
    }
}

impl Flags {
    fn number(self) -> u64 {
        let flag = |is_set: bool, bit: u64| if is_set { bit } else { 0 };
        flag(self.on_expiry == ExpiryPolicy::Warn, WARN)
            | flag(self.on_recall == RecallPolicy::Stop, STOP)
            | flag(self.strict_clock, STRICT_CLOCK)
    }

    fn from_number(number: u64) -> Option<Self> {
        let is_set = |bit: u64| number & bit != 0;
        (number <= WARN | STOP | STRICT_CLOCK).then(|| Self {
            on_expiry: if is_set(WARN) { ExpiryPolicy::Warn } else { ExpiryPolicy::Stop },
            on_recall: if is_set(STOP) { RecallPolicy::Stop } else { RecallPolicy::Warn },
            strict_clock: is_set(STRICT_CLOCK),
        })
    }
}

cbor_as!(Flags, u64, |flags| flags.number(), Flags::from_number);

const WARN: u64 = 1;
const STOP: u64 = 2;
const STRICT_CLOCK: u64 = 4;
