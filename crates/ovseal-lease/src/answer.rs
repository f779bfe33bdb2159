//! The answer to a lease request, and the client's checks of it (`docs/license-protocol.md` §8.2,
//! §8.5).

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use ovseal_format::cbor;
use ovseal_format::share::KemPrivateKey;
use ovseal_memory::Secret;

use crate::ids::{Context, LicenceId, RequestHash};
use crate::lease::{Lease, LeaseItem};
use crate::policy::Level;
use crate::request::{Header, Item, LeaseRequest};
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

/// The knowledge with which a client checks an answer.
#[derive(Clone, Copy, Debug)]
pub struct Known<'k> {
    /// The stored service file.
    pub service: &'k ServiceFile,
    /// The level of the device.
    pub level: Level,
    /// The highest server epoch in a stored object.
    pub server_epoch: Number,
    /// The stored revocation list.
    pub revocations: &'k Revocations,
}

/// The request that a lease must answer.
pub(crate) struct Asked<'a> {
    pub(crate) header: &'a Header,
    pub(crate) request: RequestHash,
    pub(crate) licence: LicenceId,
    pub(crate) items: &'a [Item],
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

/// The error for an answer that does not match the client's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// It is malformed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The lease or receipt is not signed by a lease key of the service.
    #[error("the answer is not signed by the service")]
    Signature,
    /// The lease or receipt is of another service, request, device, licence or level.
    #[error("the answer is not for this request")]
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

impl Known<'_> {
    /// Checks the answer to a lease request in the order of §8.5, up to the shares.
    ///
    /// At level 1 the caller then checks device, counter and bounds of each share, and whether the
    /// TPM unseals it. It accepts one answer, and forgets the request.
    ///
    /// # Errors
    /// [`AnswerError`] for the first check that fails. Nothing that is stored may change then.
    pub fn accept(&self, request: &LeaseRequest, answer: &[u8]) -> Result<Accepted, AnswerError> {
        let LeaseAnswer { lease, shares, revocations } = LeaseAnswer::parse(answer)?;
        let (header, licence, items) = (&request.header, request.licence, &request.items[..]);
        let asked = Asked { header, request: request.hash(), licence, items };
        let mut accepted = self.check_lease(&asked, &lease, shares)?;
        accepted.revocations = self.check_list(&asked, [accepted.lease()], revocations.as_deref())?;
        Ok(accepted)
    }

    /// Checks a lease and its shares, but not its revocation list.
    pub(crate) fn check_lease(
        &self,
        asked: &Asked<'_>,
        lease: &[u8],
        shares: Vec<Vec<Vec<u8>>>,
    ) -> Result<Accepted, AnswerError> {
        let lease = Signed::<Lease>::verify(lease, &self.service.lease_keys).map_err(signature)?;
        self.check_request(asked, &lease)?;
        let positions = positions(asked.items, &lease)?;
        let right = |((shares, item), position): ((&Vec<Vec<u8>>, &LeaseItem), &u8)| {
            let asked = &asked.items[usize::from(*position)];
            shares.len() == asked.parameters.shares().len() && shares_hash(shares) == item.shares
        };
        let count = shares.len() == lease.items.len();
        if !count || !shares.iter().zip(&lease.items).zip(&positions).all(right) {
            return Err(AnswerError::Shares);
        }
        Ok(Accepted { lease, shares, revocations: None, request: asked.request, positions })
    }

    fn check_request(&self, asked: &Asked<'_>, lease: &Lease) -> Result<(), AnswerError> {
        let ours = lease.service == self.service.id()
            && lease.service == asked.header.service
            && lease.request == asked.request
            && lease.device == asked.header.device
            && lease.licence == asked.licence
            && lease.level == self.level;
        if !ours {
            return Err(AnswerError::Request);
        }
        if lease.server_epoch < self.server_epoch { Err(AnswerError::Older) } else { Ok(()) }
    }

    /// Checks the list in the answer, and that the numbers of `leases` are between that of the
    /// request and that of the newer list. Returns the list if it is newer than the stored one.
    pub(crate) fn check_list<'l>(
        &self,
        asked: &Asked<'_>,
        leases: impl IntoIterator<Item = &'l Signed<Lease>>,
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
        let numbers = asked.header.revocations..=newest;
        let is_newer = |list: &Signed<Revocations>| list.number > stored.number;
        let fit = leases.into_iter().all(|lease| numbers.contains(&lease.revocations));
        if fit { Ok(list.filter(is_newer)) } else { Err(AnswerError::Revocations) }
    }
}

/// Returns the position in the request of each item, if the items are those requested.
fn positions(requested: &[Item], lease: &Lease) -> Result<Vec<u8>, AnswerError> {
    let is_recalled = |context: &Context| lease.recalled.contains(context);
    let asked = requested.iter().enumerate().filter(|(_, item)| !is_recalled(&item.context));
    let asked: Vec<(usize, &Item)> = asked.collect();
    let same = asked.len() == lease.items.len()
        && asked.iter().zip(&lease.items).all(|((_, asked), item)| {
            asked.context == item.context && asked.parameters.product == item.product
        });
    let is_requested = |context: &Context| requested.iter().any(|item| item.context == *context);
    if !same || !lease.recalled.iter().all(is_requested) {
        return Err(AnswerError::Items);
    }
    Ok(asked.into_iter().map(|(position, _)| position as u8).collect())
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

/// Returns the error of an answer whose signed object is not right.
pub(crate) fn signature(error: SignedError) -> AnswerError {
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
