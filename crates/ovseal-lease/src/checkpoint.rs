//! Checkpoints of the service's audit (`docs/license-protocol.md` §11).

use minicbor::{Decode, Encode};

use crate::ids::{Hash, ServiceId};
use crate::lease::AuditRow;
use crate::request::LEASE_LIMIT;
use crate::sign1::{Domain, SignedObject};
use crate::time::Time;
use crate::values::{Number, Version};

/// The head of the audit at a time, which the audit key signs.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Checkpoint {
    #[n(0)]
    version: Version,
    /// The service.
    #[n(1)]
    pub service: ServiceId,
    #[n(2)]
    sequence: Number,
    #[n(3)]
    hash: Hash,
    /// When it was made.
    #[n(4)]
    pub made: Time,
}

impl Checkpoint {
    /// Creates the checkpoint of this last row.
    pub fn new(service: ServiceId, row: AuditRow, made: Time) -> Self {
        Self { version: Version, service, sequence: row.sequence, hash: row.hash, made }
    }

    /// Returns the last row.
    pub fn row(&self) -> AuditRow {
        AuditRow { sequence: self.sequence, hash: self.hash }
    }
}

impl SignedObject for Checkpoint {
    const DOMAIN: Domain = Domain::Checkpoint;
    const LIMIT: usize = LEASE_LIMIT;

    fn is_consistent(&self) -> bool {
        true
    }
}
