//! The receipt of a return (`docs/license-protocol.md` §9.2).

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use ovseal_format::cbor;

use crate::answer::{Accepted, AnswerError, Asked, Known, are_shares, signature};
use crate::ids::{DeviceId, LeaseId, LicenceId, RequestHash, ServiceId};
use crate::lease::AuditRow;
use crate::request::LEASE_LIMIT;
use crate::request::ReturnRequest;
use crate::revocations::Revocations;
use crate::sign1::{Domain, Signed, SignedObject};
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

/// The answer to a return request that passed the checks.
#[derive(Clone, Debug)]
pub struct AcceptedReturn {
    /// The receipt.
    pub receipt: Signed<Receipt>,
    /// For each kept lease the new one, or `None` if it is over.
    pub kept: Vec<Option<Accepted>>,
    /// The revocation list to store, if it is newer.
    pub revocations: Option<Signed<Revocations>>,
}

impl Known<'_> {
    /// Checks the answer to a return request in the order of §9.3.
    ///
    /// `ended` is the lease that ends, and `kept` the licences of the leases in the request that
    /// stay. For their shares, the same holds as for [`accept`](Self::accept).
    ///
    /// # Errors
    /// [`AnswerError`] for the first check that fails. Nothing that is stored may change then.
    pub fn accept_return(
        &self,
        request: &ReturnRequest,
        ended: LeaseId,
        kept: &[LicenceId],
        answer: &[u8],
    ) -> Result<AcceptedReturn, AnswerError> {
        let answer = ReturnAnswer::parse(answer)?;
        let receipt =
            Signed::<Receipt>::verify(&answer.receipt, &self.service.lease_keys).map_err(signature)?;
        let (header, hash) = (&request.header, request.hash());
        let ours = receipt.service == self.service.id()
            && receipt.service == header.service
            && receipt.request == hash
            && receipt.device == header.device
            && receipt.licence == request.licence
            && receipt.lease == ended;
        if !ours {
            return Err(AnswerError::Request);
        }
        if receipt.server_epoch < self.server_epoch {
            return Err(AnswerError::Older);
        }
        if answer.kept.len() != request.kept.len() || kept.len() != request.kept.len() {
            return Err(AnswerError::Items);
        }
        let asked = |licence, items| Asked { header, request: hash, licence, items };
        let leases = answer.kept.into_iter().zip(&request.kept).zip(kept).map(|((new, old), &licence)| {
            new.map(|new| self.check_lease(&asked(licence, &old.items), &new.lease, new.shares)).transpose()
        });
        let kept = leases.collect::<Result<Vec<_>, _>>()?;
        let leases = kept.iter().flatten().map(Accepted::lease);
        let list = self.check_list(&asked(request.licence, &[]), leases, answer.revocations.as_deref())?;
        Ok(AcceptedReturn { receipt, kept, revocations: list })
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
