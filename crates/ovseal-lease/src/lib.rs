//! The messages between a device and a licence service (`docs/license-protocol.md`).
//!
//! This crate encodes, parses, signs and verifies them, and says in which state a lease is. It
//! opens no file and no connection, reads no clock, and has no code that decrypts a payload. Device
//! and service both link it.
//!
//! | for | use |
//! |---|---|
//! | the service as its publisher describes it | [`ServiceFile`] |
//! | a device's request, with its proof | [`LeaseRequest`], [`ReturnRequest`], [`Message`] |
//! | the answer to it, checked as a client must | [`LeaseAnswer`], [`ReturnAnswer`], [`Known`] |
//! | a lease, and what it allows now | [`Lease`], [`Lease::state`], [`ClockReading`] |
//! | what the service ended | [`Revocations`] |
//! | an object that the service signed | [`Signed`] |
//! | a challenge that the service does not store | [`ChallengeKey`] |
//!
//! # What it does not protect
//!
//! A device that was granted a lease can keep the key of the container. See section 1 of the
//! protocol.
//!
//! # Example
//!
//! A device's clock that was set back is not believed:
//!
//! ```
//! use ovseal_lease::{Clock, Time};
//!
//! let time = |milliseconds| Time::from_millis(milliseconds).expect("it is below 2^48");
//! let latest = time(1_790_000_000_000);
//! let clock = Clock { latest, base: latest, elapsed: 60_000 };
//! let reading = clock.read(time(0));
//! assert!(reading.is_set_back);
//! assert_eq!(reading.now, time(1_790_000_060_000));
//! ```

#![forbid(unsafe_code)]

mod activation;
mod answer;
mod challenge;
mod checkpoint;
mod enrolment;
mod files;
mod ids;
mod lease;
mod message;
mod policy;
mod problem;
mod purpose;
mod receipt;
mod request;
mod revocations;
mod service;
mod share;
mod sign1;
mod time;
mod values;

pub use activation::{ActivationKey, ActivationTextError, Admits};
pub use answer::{Accepted, AnswerError, Known, LeaseAnswer};
pub use challenge::{CHALLENGE_LENGTH, ChallengeAnswer, ChallengeError, ChallengeKey, ChallengeRequest};
pub use checkpoint::Checkpoint;
pub use enrolment::{
    Admission, Credential, DeviceKeys, EnrolChallenge, EnrolFinish, EnrolProof, EnrolRequest, EnrolStart,
    EnrolmentRecord, SoftwareKeys, TpmKeys, TpmProof, enrolment_transcript,
};
pub use files::{LeaseFile, RequestFile};
pub use ids::{
    Context, DeviceId, Hash, LeaseId, LicenceId, RequestHash, RequestId, ServiceId, VoucherId, product_id,
};
pub use lease::{AuditRow, Flags, Lease, LeaseItem, State};
pub use message::{Message, Proof};
pub use policy::{CopyPolicy, ExpiryPolicy, Level, RecallPolicy, ReleasePolicy, SeatRelease};
pub use problem::{Code, Problem};
pub use purpose::Purpose;
pub use receipt::{AcceptedReturn, KeptLease, Receipt, ReturnAnswer};
pub use request::{Header, Item, Kept, LeaseRequest, ReturnRequest};
pub use revocations::Revocations;
pub use service::{AcceptError, ServiceFile, ServiceFileError};
pub use share::{share_associated_data, share_info, shares_hash};
pub use sign1::{Domain, Signed, SignedError, SignedObject, SigningKey, VerifyingKey};
pub use time::{Clock, ClockReading, Duration, Time};
pub use values::{Malformed, Number, Software};
