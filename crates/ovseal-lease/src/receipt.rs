//! The receipt of a return (`docs/license-protocol.md` §9.2).

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use ovseal_format::cbor;

use crate::answer::are_shares;
use crate::ids::{DeviceId, LeaseId, LicenceId, RequestHash, ServiceId};
use crate::lease::AuditRow;
use crate::request::LEASE_LIMIT;
use crate::sign1::{Domain, SignedObject};
use crate::time::Time;
use crate::values::{self, Malformed, Nullable, Number, Rules, Version};

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

/// The answer to a return request, before any check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnAnswer {
    /// The signed receipt.
    pub receipt: Vec<u8>,
    /// For each kept lease the new one with its wrapped shares, or `None` if there is none.
    pub kept: Vec<Option<KeptLease>>,
    /// The signed revocation list, if the device's is older.
    pub revocations: Option<Vec<u8>>,
}

/// A new lease in the place of a kept one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLease {
    /// The signed lease.
    pub lease: Vec<u8>,
    /// The wrapped shares of each item of the lease.
    pub shares: Vec<Vec<Vec<u8>>>,
}

impl ReturnAnswer {
    /// Parses an answer.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that are not one, or exceed a limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: Wire = values::parse(bytes)?;
        let kept = wire.kept.into_iter().map(|kept| kept.0.map(WireKept::into_lease)).collect();
        Ok(Self { receipt: wire.receipt.into(), kept, revocations: wire.revocations.0.map(Vec::from) })
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(&Wire {
            receipt: self.receipt.clone().into(),
            kept: self.kept.iter().map(|kept| Nullable(kept.as_ref().map(WireKept::of))).collect(),
            revocations: Nullable(self.revocations.clone().map(ByteVec::from)),
        })
    }
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Wire {
    #[n(0)]
    receipt: ByteVec,
    #[n(1)]
    kept: Vec<Nullable<WireKept>>,
    #[n(2)]
    revocations: Nullable<ByteVec>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct WireKept {
    #[n(0)]
    lease: ByteVec,
    #[n(1)]
    shares: Vec<Vec<ByteVec>>,
}

impl WireKept {
    fn of(kept: &KeptLease) -> Self {
        let row = |row: &Vec<Vec<u8>>| row.iter().cloned().map(ByteVec::from).collect();
        Self { lease: kept.lease.clone().into(), shares: kept.shares.iter().map(row).collect() }
    }

    fn into_lease(self) -> KeptLease {
        let row = |row: Vec<ByteVec>| row.into_iter().map(Vec::from).collect();
        KeptLease { lease: self.lease.into(), shares: self.shares.into_iter().map(row).collect() }
    }
}

impl Rules for Wire {
    const LIMIT: usize = 2 << 20;

    fn hold(&self) -> bool {
        self.kept.len() <= 8 && self.kept.iter().flat_map(|kept| &kept.0).all(|kept| are_shares(&kept.shares))
    }
}
