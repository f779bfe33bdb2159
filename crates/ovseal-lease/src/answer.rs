//! The answer to a lease request, and the client's checks of it (`docs/license-protocol.md` §8.2,
//! §8.5).

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use ovseal_format::cbor;
use ovseal_format::share::KemPrivateKey;
use ovseal_memory::Secret;

use crate::ids::{Context, RequestHash};
use crate::lease::Lease;
use crate::policy::Level;
use crate::request::{Item, LeaseRequest};
use crate::revocations::Revocations;
use crate::service::ServiceFile;
use crate::share::{share_associated_data, share_info, shares_hash};
use crate::sign1::{Signed, SignedError};
use crate::values::{self, Malformed, Nullable, Number, Rules};

const SHARE_LIMIT: usize = 2048;

/// The answer to a lease request, before any check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseAnswer {
    /// The signed lease.
    pub lease: Vec<u8>,
    /// The wrapped shares of each item of the lease.
    pub shares: Vec<Vec<Vec<u8>>>,
    /// The signed revocation list, if the device's is older.
    pub revocations: Option<Vec<u8>>,
}

/// A request that waits for its answer, and what the client knows.
#[derive(Clone, Copy, Debug)]
pub struct Pending<'p> {
    /// The request.
    pub request: &'p LeaseRequest,
    /// The stored service file.
    pub service: &'p ServiceFile,
    /// The level of the device.
    pub level: Level,
    /// The highest server epoch in a stored object.
    pub server_epoch: Number,
    /// The stored revocation list.
    pub revocations: &'p Revocations,
}

/// An answer that passed the checks.
#[derive(Clone, Debug)]
pub struct Accepted {
    lease: Signed<Lease>,
    shares: Vec<Vec<Vec<u8>>>,
    revocations: Option<Signed<Revocations>>,
    request: RequestHash,
    /// The position in the request of each item of the lease.
    positions: Vec<u8>,
}

/// An answer is not the one to the client's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// It is malformed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The lease is not signed by a lease key of the service.
    #[error("the lease is not signed by the service")]
    Signature,
    /// The lease is of another service, request, device, licence or level.
    #[error("the lease is not for this request")]
    Request,
    /// The service has been restored from a backup that is older than a stored object.
    #[error("the service is older than what it has signed before")]
    Older,
    /// The lease is for other containers than those requested.
    #[error("the lease is for other containers")]
    Items,
    /// The shares are not those of the lease.
    #[error("the shares are not those of the lease")]
    Shares,
    /// The revocation list is missing or wrong, or the lease is older than a list.
    #[error("the revocation list does not fit the lease")]
    Revocations,
    /// The service has signed two revocation lists with one number.
    #[error("the service has signed two revocation lists with number {0}")]
    TwoLists(u64),
}

impl LeaseAnswer {
    /// Parses an answer.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that are not one, or exceed a limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: Wire = values::parse(bytes)?;
        let shares = wire.shares.into_iter().map(|item| item.into_iter().map(Vec::from).collect()).collect();
        Ok(Self { lease: wire.lease.into(), shares, revocations: wire.revocations.0.map(Vec::from) })
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        let item = |shares: &Vec<Vec<u8>>| shares.iter().cloned().map(ByteVec::from).collect();
        cbor::encode(&Wire {
            lease: self.lease.clone().into(),
            shares: self.shares.iter().map(item).collect(),
            revocations: Nullable(self.revocations.clone().map(ByteVec::from)),
        })
    }
}

impl Pending<'_> {
    /// Checks an answer in the order of §8.5, up to the shares.
    ///
    /// At level 1 the caller then checks device, counter and bounds of each share, and whether the
    /// TPM unseals it. It accepts one answer, and forgets the request.
    ///
    /// # Errors
    /// [`AnswerError`] for the first check that fails. Nothing that is stored may change then.
    pub fn accept(&self, answer: &[u8]) -> Result<Accepted, AnswerError> {
        let answer = LeaseAnswer::parse(answer)?;
        let lease = Signed::<Lease>::verify(&answer.lease, &self.service.lease_keys).map_err(signature)?;
        let request = self.request.hash();
        self.check_request(&lease, request)?;
        let positions = self.positions(&lease)?;
        let items = positions.iter().filter_map(|&position| self.request.items.get(usize::from(position)));
        let right = |((shares, item), asked): ((&Vec<Vec<u8>>, _), &Item)| {
            let item: &crate::lease::LeaseItem = item;
            shares.len() == asked.parameters.shares().len() && shares_hash(shares) == item.shares
        };
        let count = answer.shares.len() == lease.items.len();
        if !count || !answer.shares.iter().zip(&lease.items).zip(items).all(right) {
            return Err(AnswerError::Shares);
        }
        let revocations = self.check_list(&lease, answer.revocations.as_deref())?;
        Ok(Accepted { lease, shares: answer.shares, revocations, request, positions })
    }

    fn check_request(&self, lease: &Lease, request: RequestHash) -> Result<(), AnswerError> {
        let header = &self.request.header;
        let ours = lease.service == self.service.id()
            && lease.service == header.service
            && lease.request == request
            && lease.device == header.device
            && lease.licence == self.request.licence
            && lease.level == self.level;
        if !ours {
            return Err(AnswerError::Request);
        }
        if lease.server_epoch < self.server_epoch { Err(AnswerError::Older) } else { Ok(()) }
    }

    /// Returns the position in the request of each item, if the items are those requested.
    fn positions(&self, lease: &Lease) -> Result<Vec<u8>, AnswerError> {
        let is_recalled = |context: &Context| lease.recalled.contains(context);
        let asked = self.request.items.iter().enumerate().filter(|(_, item)| !is_recalled(&item.context));
        let asked: Vec<(usize, &Item)> = asked.collect();
        let same = asked.len() == lease.items.len()
            && asked.iter().zip(&lease.items).all(|((_, asked), item)| {
                asked.context == item.context && asked.parameters.product == item.product
            });
        let requested = |context: &Context| self.request.items.iter().any(|item| item.context == *context);
        if !same || !lease.recalled.iter().all(requested) {
            return Err(AnswerError::Items);
        }
        Ok(asked.into_iter().map(|(position, _)| position as u8).collect())
    }

    /// Checks the list in the answer, and that the lease's number is between that of the request
    /// and that of the newer list. Returns the list if it is newer than the stored one.
    fn check_list(
        &self,
        lease: &Lease,
        list: Option<&[u8]>,
    ) -> Result<Option<Signed<Revocations>>, AnswerError> {
        let list = list.map(|list| Signed::<Revocations>::verify(list, &self.service.lease_keys));
        let list = list.transpose().map_err(|_| AnswerError::Revocations)?;
        let (stored, mut newest) = (self.revocations, self.revocations.number);
        if let Some(list) = &list {
            if list.service != self.service.id() {
                return Err(AnswerError::Revocations);
            }
            if list.number == stored.number && **list != *stored {
                return Err(AnswerError::TwoLists(list.number.get()));
            }
            newest = newest.max(list.number);
        }
        let numbers = self.request.header.revocations..=newest;
        let is_newer = |list: &Signed<Revocations>| list.number > stored.number;
        if numbers.contains(&lease.revocations) {
            Ok(list.filter(is_newer))
        } else {
            Err(AnswerError::Revocations)
        }
    }
}

impl Accepted {
    /// Returns the lease.
    pub fn lease(&self) -> &Signed<Lease> {
        &self.lease
    }

    /// Returns the revocation list to store, if it is newer.
    pub fn revocations(&self) -> Option<&Signed<Revocations>> {
        self.revocations.as_ref()
    }

    /// Returns the wrapped shares of each item of the lease.
    pub fn shares(&self) -> &[Vec<Vec<u8>>] {
        &self.shares
    }

    /// Decrypts the shares of an item at level 0.
    ///
    /// Returns `None` if there is no such item, or a share is for another key, request or place.
    pub fn open(&self, item: usize, key: &KemPrivateKey) -> Option<Vec<Secret<32>>> {
        let (context, position) = (self.lease.items.get(item)?.context, *self.positions.get(item)?);
        let info = share_info(self.request);
        let open = |(share, sealed): (usize, &Vec<u8>)| {
            key.open(&info, &share_associated_data(position, share as u8, &context), sealed)
        };
        self.shares.get(item)?.iter().enumerate().map(open).collect()
    }
}

fn signature(error: SignedError) -> AnswerError {
    match error {
        SignedError::Malformed(malformed) => malformed.into(),
        SignedError::Signature => AnswerError::Signature,
    }
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Wire {
    #[n(0)]
    lease: ByteVec,
    #[n(1)]
    shares: Vec<Vec<ByteVec>>,
    #[n(2)]
    revocations: Nullable<ByteVec>,
}

impl Rules for Wire {
    const LIMIT: usize = 2 << 20;

    fn hold(&self) -> bool {
        are_shares(&self.shares)
    }
}

/// Returns true if the wrapped shares of all items keep the limits.
pub(crate) fn are_shares(shares: &[Vec<ByteVec>]) -> bool {
    let item = |shares: &Vec<ByteVec>| {
        let limited = shares.iter().all(|share| (1..=SHARE_LIMIT).contains(&share.len()));
        (1..=2).contains(&shares.len()) && limited
    };
    (1..=16).contains(&shares.len()) && shares.iter().all(item)
}
