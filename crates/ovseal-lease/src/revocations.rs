//! Devices, licences, leases and releases that the service ended (`docs/license-protocol.md` §10).

use minicbor::{Decode, Encode};

use crate::ids::{Context, DeviceId, LeaseId, LicenceId, ServiceId};
use crate::sign1::{Domain, SignedObject};
use crate::time::Time;
use crate::values::{Number, Version, is_ascending};

const ENTRY_LIMIT: usize = 16_384;

/// A complete list of what the service ended, as the service signs it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Revocations {
    #[n(0)]
    pub(crate) version: Version,
    /// The service.
    #[n(1)]
    pub service: ServiceId,
    /// The number of the list, one more after each change.
    #[n(2)]
    pub number: Number,
    /// When it was made.
    #[n(3)]
    pub made: Time,
    /// Devices, ascending.
    #[n(4)]
    pub devices: Vec<DeviceId>,
    /// Licences, ascending.
    #[n(5)]
    pub licences: Vec<LicenceId>,
    /// Leases, ascending.
    #[n(6)]
    pub leases: Vec<LeaseId>,
    /// Contexts of recalled containers, ascending.
    #[n(7)]
    pub recalled: Vec<Context>,
}

impl Revocations {
    /// Returns the list number 0 of a service, which ends nothing.
    pub fn none(service: ServiceId) -> Self {
        Self {
            version: Version,
            service,
            number: Number::new(0).expect("0 is a number"),
            made: Time::from_millis(0).expect("0 is a time"),
            devices: vec![],
            licences: vec![],
            leases: vec![],
            recalled: vec![],
        }
    }

    /// Returns true if the list has one of these.
    pub(crate) fn names(
        &self,
        device: &DeviceId,
        licence: &LicenceId,
        lease: &LeaseId,
        context: &Context,
    ) -> bool {
        self.devices.binary_search(device).is_ok()
            || self.licences.binary_search(licence).is_ok()
            || self.leases.binary_search(lease).is_ok()
            || self.recalled.binary_search(context).is_ok()
    }
}

impl SignedObject for Revocations {
    const DOMAIN: Domain = Domain::Revocations;
    const LIMIT: usize = 1 << 20;

    fn is_consistent(&self) -> bool {
        let entries = self.devices.len() + self.licences.len() + self.leases.len() + self.recalled.len();
        entries <= ENTRY_LIMIT
            && is_ascending(&self.devices)
            && is_ascending(&self.licences)
            && is_ascending(&self.leases)
            && is_ascending(&self.recalled)
    }
}
