//! The requests of a device (`docs/license-protocol.md` §7.3, §8.1, §9.1).

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use ovseal_format::cbor;
use ovseal_format::share::LicenseParameters;

use crate::ids::{Context, DeviceId, LicenceId, RequestHash, RequestId, ServiceId};
use crate::message::MESSAGE_LIMIT;
use crate::purpose::Purpose;
use crate::time::Time;
use crate::values::{self, Malformed, Nullable, Number, Rules, Software, Version};

const ITEM_LIMIT: usize = 16;
const KEPT_LIMIT: usize = 8;
/// Greatest length of a signed lease, in bytes.
pub(crate) const LEASE_LIMIT: usize = 4096;

/// The fields that lease and return requests have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The service.
    pub service: ServiceId,
    /// The device that asks.
    pub device: DeviceId,
    /// The id of the request, random.
    pub id: RequestId,
    /// The service's challenge (56 bytes), or the device's own (32 bytes) in a request file.
    pub challenge: Vec<u8>,
    /// The device's clock.
    pub made: Time,
    /// The number of the device's revocation list; 0 if it has none.
    pub revocations: Number,
    /// The serial of the device's service file.
    pub serial: Number,
    /// The program that asks.
    pub software: Software,
}

/// A container for which a lease is requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The parameters of its `license` stanza.
    pub parameters: LicenseParameters,
    /// Its context.
    pub context: Context,
}

/// A request for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRequest {
    /// The common fields.
    pub header: Header,
    /// The licence.
    pub licence: LicenceId,
    /// 1 to 16 containers, no pair of product and context twice.
    pub items: Vec<Item>,
    /// The signed lease of this licence that the device has stored.
    pub previous: Option<Vec<u8>>,
}

/// A lease that stays while another one is returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The signed lease.
    pub lease: Vec<u8>,
    /// Its containers.
    pub items: Vec<Item>,
}

/// A request that returns a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnRequest {
    /// The common fields.
    pub header: Header,
    /// The licence.
    pub licence: LicenceId,
    /// The signed lease that ends.
    pub lease: Vec<u8>,
    /// At most 8 leases that stay, with at most 16 items in all.
    pub kept: Vec<Kept>,
}

impl LeaseRequest {
    /// Parses a request.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that are not one, or exceed a limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: WireLease = values::parse(bytes)?;
        let items = items(&wire.items)?;
        let previous = wire.previous.0.clone().map(Vec::from);
        let (licence, header) = (wire.licence, wire.header());
        Ok(Self { header, licence, items, previous })
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        let header = self.header.clone();
        cbor::encode(&WireLease {
            version: Version,
            purpose: Purpose::Lease,
            service: header.service,
            device: header.device,
            id: header.id,
            challenge: header.challenge.into(),
            made: header.made,
            revocations: header.revocations,
            serial: header.serial,
            software: header.software,
            licence: self.licence,
            items: self.items.iter().map(WireItem::of).collect(),
            previous: Nullable(self.previous.clone().map(ByteVec::from)),
        })
    }

    /// Returns `R`.
    pub fn hash(&self) -> RequestHash {
        Purpose::Lease.hash(&self.encode())
    }
}

impl ReturnRequest {
    /// Parses a request.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that are not one, or exceed a limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: WireReturn = values::parse(bytes)?;
        let kept = |kept: &WireKept| Ok(Kept { lease: kept.lease.to_vec(), items: items(&kept.items)? });
        let kept = wire.kept.iter().map(kept).collect::<Result<Vec<_>, Malformed>>()?;
        Ok(Self { header: wire.header(), licence: wire.licence, lease: wire.lease.to_vec(), kept })
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        let header = self.header.clone();
        let kept = |kept: &Kept| WireKept {
            lease: kept.lease.clone().into(),
            items: kept.items.iter().map(WireItem::of).collect(),
        };
        cbor::encode(&WireReturn {
            version: Version,
            purpose: Purpose::Return,
            service: header.service,
            device: header.device,
            id: header.id,
            challenge: header.challenge.into(),
            made: header.made,
            revocations: header.revocations,
            serial: header.serial,
            software: header.software,
            licence: self.licence,
            lease: self.lease.clone().into(),
            kept: self.kept.iter().map(kept).collect(),
        })
    }

    /// Returns `R`.
    pub fn hash(&self) -> RequestHash {
        Purpose::Return.hash(&self.encode())
    }
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct WireLease {
    #[n(0)]
    version: Version,
    #[n(1)]
    purpose: Purpose,
    #[n(2)]
    service: ServiceId,
    #[n(3)]
    device: DeviceId,
    #[n(4)]
    id: RequestId,
    #[n(5)]
    challenge: ByteVec,
    #[n(6)]
    made: Time,
    #[n(7)]
    revocations: Number,
    #[n(8)]
    serial: Number,
    #[n(9)]
    software: Software,
    #[n(10)]
    licence: LicenceId,
    #[n(11)]
    items: Vec<WireItem>,
    #[n(12)]
    previous: Nullable<ByteVec>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct WireReturn {
    #[n(0)]
    version: Version,
    #[n(1)]
    purpose: Purpose,
    #[n(2)]
    service: ServiceId,
    #[n(3)]
    device: DeviceId,
    #[n(4)]
    id: RequestId,
    #[n(5)]
    challenge: ByteVec,
    #[n(6)]
    made: Time,
    #[n(7)]
    revocations: Number,
    #[n(8)]
    serial: Number,
    #[n(9)]
    software: Software,
    #[n(10)]
    licence: LicenceId,
    #[n(11)]
    lease: ByteVec,
    #[n(12)]
    kept: Vec<WireKept>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct WireItem {
    #[n(0)]
    parameters: ByteVec,
    #[n(1)]
    context: Context,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct WireKept {
    #[n(0)]
    lease: ByteVec,
    #[n(1)]
    items: Vec<WireItem>,
}

/// Implements the common rules, and the common fields as a [`Header`].
macro_rules! common {
    ($wire:ident) => {
        impl $wire {
            fn header(&self) -> Header {
                Header {
                    service: self.service,
                    device: self.device,
                    id: self.id,
                    challenge: self.challenge.to_vec(),
                    made: self.made,
                    revocations: self.revocations,
                    serial: self.serial,
                    software: self.software.clone(),
                }
            }

            fn has_challenge(&self) -> bool {
                [32, crate::challenge::CHALLENGE_LENGTH].contains(&self.challenge.len())
            }
        }
    };
}
common!(WireLease);
common!(WireReturn);

impl Rules for WireLease {
    const LIMIT: usize = MESSAGE_LIMIT;

    fn hold(&self) -> bool {
        let previous = self.previous.0.as_ref().is_none_or(|lease| is_lease(lease));
        self.purpose == Purpose::Lease
            && self.has_challenge()
            && (1..=ITEM_LIMIT).contains(&self.items.len())
            && previous
    }
}

impl Rules for WireReturn {
    const LIMIT: usize = MESSAGE_LIMIT;

    fn hold(&self) -> bool {
        let items: usize = self.kept.iter().map(|kept| kept.items.len()).sum();
        self.purpose == Purpose::Return
            && self.has_challenge()
            && is_lease(&self.lease)
            && self.kept.len() <= KEPT_LIMIT
            && items <= ITEM_LIMIT
            && self.kept.iter().all(|kept| is_lease(&kept.lease) && !kept.items.is_empty())
    }
}

impl WireItem {
    fn of(item: &Item) -> Self {
        Self { parameters: item.parameters.encode().into(), context: item.context }
    }
}

fn is_lease(bytes: &[u8]) -> bool {
    (1..=LEASE_LIMIT).contains(&bytes.len())
}

/// Parses items, no two of which are for one product and container.
fn items(wire: &[WireItem]) -> Result<Vec<Item>, Malformed> {
    let mut items: Vec<Item> = Vec::with_capacity(wire.len());
    for item in wire {
        let parameters = LicenseParameters::parse(&item.parameters).ok_or(Malformed)?;
        let same =
            |other: &Item| other.context == item.context && other.parameters.product == parameters.product;
        if items.iter().any(same) {
            return Err(Malformed);
        }
        items.push(Item { parameters, context: item.context });
    }
    Ok(items)
}
