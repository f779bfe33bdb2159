//! The receipt of a return (`docs/license-protocol.md` §9.2).

use minicbor::{Decode, Encode};

use crate::ids::{DeviceId, LeaseId, LicenceId, RequestHash, ServiceId};
use crate::lease::AuditRow;
use crate::request::LEASE_LIMIT;
use crate::sign1::{Domain, SignedObject};
use crate::time::Time;
use crate::values::{Nullable, Number, Version};

/// A receipt, as the service signs it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Receipt {
    #[n(0)]
    pub(crate) version: Version,
    /// The service.
    #[n(1)]
    pub service: ServiceId,
    /// `R` of the request that it answers.
    #[n(2)]
    pub request: RequestHash,
    /// The device.
    #[n(3)]
    pub device: DeviceId,
    /// The licence.
    #[n(4)]
    pub licence: LicenceId,
    /// The lease that ended.
    #[n(5)]
    pub lease: LeaseId,
    #[n(6)]
    pub(crate) freed: u64,
    #[n(7)]
    pub(crate) held_until: Time,
    #[n(8)]
    pub(crate) returns_left: Nullable<Number>,
    /// The service's time.
    #[n(9)]
    pub server_time: Time,
    /// One more after each restored backup of the service.
    #[n(10)]
    pub server_epoch: Number,
    /// The return's row in the service's audit.
    #[n(11)]
    pub audit: AuditRow,
}

impl Receipt {
    /// Returns the time until which the seat is held, or `None` if it is free.
    pub fn held_until(&self) -> Option<Time> {
        (self.freed == 0).then_some(self.held_until)
    }

    /// Returns how many returns the licence still has, or `None` if they are not limited.
    pub fn returns_left(&self) -> Option<Number> {
        self.returns_left.0
    }
}

impl SignedObject for Receipt {
    const DOMAIN: Domain = Domain::Receipt;
    const LIMIT: usize = LEASE_LIMIT;

    fn is_consistent(&self) -> bool {
        match self.freed {
            0 => self.held_until.as_millis() > 0,
            1 => self.held_until.as_millis() == 0,
            _ => false,
        }
    }
}
