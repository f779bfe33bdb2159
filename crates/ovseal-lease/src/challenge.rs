//! Challenges that the service does not store (`docs/license-protocol.md` §7.1).

use aws_lc_rs::{constant_time, hmac};
use minicbor::{Decode, Encode};
use ovseal_format::cbor;
use ovseal_format::share::ProductId;
use ovseal_memory::Secret;

use crate::ids::{DeviceId, ServiceId};
use crate::purpose::Purpose;
use crate::time::Time;
use crate::values::{self, Malformed, Rules, Version, is_ascending};

/// Length of a challenge, in bytes.
pub const CHALLENGE_LENGTH: usize = 56;

const SIGNED: usize = 24;

/// The service's key for challenges, the same for all its replicas.
pub struct ChallengeKey(hmac::Key);

/// A challenge is not one of this service, or is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChallengeError {
    /// It was made for another purpose or device, or by someone else.
    #[error("the challenge is not one of this service")]
    Unknown,
    /// It has expired.
    #[error("the challenge has expired")]
    Expired,
}

/// A request for a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ChallengeRequest {
    #[n(0)]
    version: Version,
    /// The purpose of the request that will carry the challenge.
    #[n(1)]
    pub purpose: Purpose,
    /// The service.
    #[n(2)]
    pub service: ServiceId,
    /// The device.
    #[n(3)]
    pub device: DeviceId,
    /// The products of that request, at most 16, ascending.
    #[n(4)]
    pub products: Vec<ProductId>,
}

/// The answer to a request for a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeAnswer {
    /// The challenge.
    pub challenge: [u8; CHALLENGE_LENGTH],
    /// The service's time, which is not signed.
    pub server_time: Time,
}

impl ChallengeKey {
    /// Creates the key with these bytes.
    pub fn new(key: &Secret<32>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
    }

    /// Returns a challenge that is valid before `expiry`. `random` must be new for each.
    pub fn issue(
        &self,
        purpose: Purpose,
        device: DeviceId,
        expiry: Time,
        random: [u8; 16],
    ) -> [u8; CHALLENGE_LENGTH] {
        let mut challenge = [0; CHALLENGE_LENGTH];
        challenge[..8].copy_from_slice(&expiry.as_millis().to_be_bytes());
        challenge[8..SIGNED].copy_from_slice(&random);
        let tag = self.tag(purpose, device, &challenge[..SIGNED]);
        challenge[SIGNED..].copy_from_slice(tag.as_ref());
        challenge
    }

    /// Checks that a challenge was issued for this purpose and device, and is valid at `now`.
    ///
    /// The caller must also check that it was not spent.
    ///
    /// # Errors
    /// [`ChallengeError`] if it was not, or is too old.
    pub fn check(
        &self,
        challenge: &[u8],
        purpose: Purpose,
        device: DeviceId,
        now: Time,
    ) -> Result<(), ChallengeError> {
        let challenge: &[u8; CHALLENGE_LENGTH] = challenge.try_into().map_err(|_| ChallengeError::Unknown)?;
        let (signed, tag) = challenge.split_at(SIGNED);
        let expected = self.tag(purpose, device, signed);
        constant_time::verify_slices_are_equal(expected.as_ref(), tag)
            .map_err(|_| ChallengeError::Unknown)?;
        let expiry = u64::from_be_bytes(*signed.first_chunk().expect("24 bytes begin with 8"));
        if now.as_millis() < expiry { Ok(()) } else { Err(ChallengeError::Expired) }
    }

    fn tag(&self, purpose: Purpose, device: DeviceId, signed: &[u8]) -> hmac::Tag {
        let mut mac = hmac::Context::with_key(&self.0);
        let pieces = [b"ovseal/v1/challenge\0", purpose.text().as_bytes(), &[0], device.as_bytes(), signed];
        pieces.iter().for_each(|piece| mac.update(piece));
        mac.sign()
    }
}

impl ChallengeRequest {
    /// Creates a request.
    pub fn new(purpose: Purpose, service: ServiceId, device: DeviceId, mut products: Vec<ProductId>) -> Self {
        products.sort_unstable();
        products.dedup();
        Self { version: Version, purpose, service, device, products }
    }

    /// Parses a request.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that are not one, or exceed a limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        values::parse(bytes)
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(self)
    }
}

impl ChallengeAnswer {
    /// Parses an answer to a device of level 0 or 1.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that are not one, or demand evidence.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: WireAnswer = values::parse(bytes)?;
        Ok(Self { challenge: wire.challenge, server_time: wire.server_time })
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        let (challenge, server_time) = (self.challenge, self.server_time);
        cbor::encode(&WireAnswer { version: Version, challenge, server_time, wanted: vec![] })
    }
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct WireAnswer {
    #[n(0)]
    version: Version,
    #[cbor(n(1), with = "minicbor::bytes")]
    challenge: [u8; CHALLENGE_LENGTH],
    #[n(2)]
    server_time: Time,
    #[n(3)]
    wanted: Vec<u64>,
}

impl Rules for WireAnswer {
    const LIMIT: usize = 1024;

    fn hold(&self) -> bool {
        self.wanted.is_empty()
    }
}

impl Rules for ChallengeRequest {
    const LIMIT: usize = 1024;

    fn hold(&self) -> bool {
        self.purpose != Purpose::Enrol && self.products.len() <= 16 && is_ascending(&self.products)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: DeviceId = DeviceId::from_bytes([1; 32]);

    fn time(milliseconds: u64) -> Time {
        Time::from_millis(milliseconds).unwrap()
    }

    #[test]
    fn a_challenge_is_for_one_purpose_device_key_and_time() {
        let key = ChallengeKey::new(&Secret::from_fn(|bytes| bytes.fill(7)));
        let other = ChallengeKey::new(&Secret::from_fn(|bytes| bytes.fill(8)));
        let good = key.issue(Purpose::Lease, DEVICE, time(1000), [2; 16]);
        let unknown = Err(ChallengeError::Unknown);
        assert_eq!(key.check(&good, Purpose::Lease, DEVICE, time(999)), Ok(()));
        assert_eq!(key.check(&good, Purpose::Lease, DEVICE, time(1000)), Err(ChallengeError::Expired));
        assert_eq!(key.check(&good, Purpose::Return, DEVICE, time(0)), unknown);
        assert_eq!(key.check(&good, Purpose::Lease, DeviceId::from_bytes([2; 32]), time(0)), unknown);
        assert_eq!(other.check(&good, Purpose::Lease, DEVICE, time(0)), unknown);
        for at in 0..CHALLENGE_LENGTH {
            let mut changed = good;
            changed[at] ^= 1;
            assert_eq!(key.check(&changed, Purpose::Lease, DEVICE, time(0)), unknown, "byte {at}");
        }
        assert_eq!(key.check(&good[..55], Purpose::Lease, DEVICE, time(0)), unknown);
    }
}
