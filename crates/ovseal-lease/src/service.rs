//! The service file (`docs/format.md` §4.7).

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use ovseal_format::publisher::{Publisher, PublisherKey, SignError, Signatures, SignaturesError};
use ovseal_format::share::{Kem, KemPublicKey, ReleaseKeyId};
use ovseal_format::statement::KeyId;
use ovseal_format::{WITHOUT_AUTHENTICATION, cbor};

use crate::ids::{Hash, ServiceId};
use crate::sign1::VerifyingKey;
use crate::values::{Malformed, Number, Rules, is_ascending, is_name, parse};

const MAGIC: &[u8; 8] = b"\x89OVSERV\n";
const HEAD: usize = 16;
const FILE_LIMIT: usize = 32_768;
const BODY_LIMIT: usize = 16_384;

/// A licence service, as its publisher describes it in a signed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceFile {
    /// The key id of the publisher who made the service.
    pub origin: KeyId,
    /// The name: 1 to 64 characters `a`–`z`, `0`–`9`, `-`, `.`.
    pub name: String,
    /// The serial, from 1; a later file has a higher one.
    pub serial: Number,
    /// 1 to 8 different addresses, `https://…`.
    pub addresses: Vec<String>,
    /// The 1 or 2 release keys, in ascending order of mechanism and id. A stanza has a share for
    /// each.
    pub release_keys: Vec<KemPublicKey>,
    /// The current lease key, then the next one: Ed25519.
    pub lease_keys: Vec<VerifyingKey>,
    /// 1 to 4 pins, ascending: SHA-256 of the SubjectPublicKeyInfo of TLS keys.
    pub pins: Vec<Hash>,
    /// The key that signs checkpoints of the audit: Ed25519.
    pub audit_key: VerifyingKey,
    /// The publisher who may sign later files instead.
    pub successor: Option<Publisher>,
}

/// The bytes are not a service file of the publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceFileError {
    /// They have another magic.
    #[error("not a service file")]
    NotServiceFile,
    /// They have another version.
    #[error("the service file has a version that is not supported")]
    Unsupported,
    /// They are damaged, or a limit is exceeded.
    #[error("the service file is damaged")]
    Malformed,
    /// The publisher has not signed, or not with every algorithm of its key.
    #[error("the service file is not signed by this publisher")]
    Unsigned,
    /// A signature of the publisher is wrong.
    #[error("the publisher's signature of the service file is wrong")]
    WrongSignature,
    /// The publisher is not the one who made the service.
    #[error("the service was made by another publisher")]
    Origin,
}

/// A service file does not replace the stored one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// It is not a file of the pinned publisher or its successor.
    #[error(transparent)]
    File(#[from] ServiceFileError),
    /// It describes another service.
    #[error("the service file describes another service")]
    Service,
    /// It is older than the stored one.
    #[error("the service file is older than the one in use")]
    Older,
    /// The publisher's key has signed two files with this serial.
    #[error("the service file differs from the one in use, but has the same serial {0}")]
    SameSerial(u64),
}

impl ServiceFile {
    /// Reads a file that `publisher` has signed, and that describes a service of its own.
    ///
    /// # Errors
    /// [`ServiceFileError`] if it is not.
    pub fn read(bytes: &[u8], publisher: &Publisher) -> Result<Self, ServiceFileError> {
        let file = Self::read_signed(bytes, std::slice::from_ref(publisher))?.0;
        if file.origin == publisher.id() { Ok(file) } else { Err(ServiceFileError::Origin) }
    }

    /// Reads a file of the service `id`, whose publisher may have changed since it was made.
    ///
    /// # Errors
    /// [`AcceptError`] if `publisher` has not signed it, or it describes another service.
    pub fn read_for(bytes: &[u8], publisher: &Publisher, id: ServiceId) -> Result<Self, AcceptError> {
        let file = Self::read_signed(bytes, std::slice::from_ref(publisher))?.0;
        if file.id() == id { Ok(file) } else { Err(AcceptError::Service) }
    }

    /// Reads a file that replaces this stored one; returns it and the publisher to pin then.
    ///
    /// Returns `None` if it is the stored one.
    ///
    /// # Errors
    /// [`AcceptError`] if it does not replace the stored one. [`AcceptError::SameSerial`] must be
    /// reported to the publisher.
    pub fn replaced_by(
        &self,
        bytes: &[u8],
        pinned: &Publisher,
    ) -> Result<Option<(Self, Publisher)>, AcceptError> {
        let trusted: Vec<Publisher> = [pinned].into_iter().chain(&self.successor).cloned().collect();
        let (file, signers) = Self::read_signed(bytes, &trusted)?;
        if file.id() != self.id() {
            return Err(AcceptError::Service);
        }
        let publisher = signers.iter().find(|signer| signer.id() == pinned.id()).or(signers.first());
        match file.serial.cmp(&self.serial) {
            std::cmp::Ordering::Less => Err(AcceptError::Older),
            std::cmp::Ordering::Equal if file == *self => Ok(None),
            std::cmp::Ordering::Equal => Err(AcceptError::SameSerial(file.serial.get())),
            std::cmp::Ordering::Greater => Ok(publisher.cloned().map(|publisher| (file, publisher))),
        }
    }

    /// Returns the id of the service.
    pub fn id(&self) -> ServiceId {
        ServiceId::of(self.origin, &self.name)
    }

    /// Returns the file, signed with every key.
    ///
    /// # Errors
    /// [`SignError`] if a key fails to sign.
    ///
    /// # Panics
    /// If a field breaks a rule of its documentation. [`is_valid`](Self::is_valid) checks this
    /// beforehand.
    pub fn sign(&self, keys: &[&PublisherKey]) -> Result<Vec<u8>, SignError> {
        let body = cbor::encode(&Body::of(self));
        assert!(parse::<Body>(&body).is_ok_and(|body| body.checked().is_some()), "a field breaks its rule");
        let mut bytes = [&MAGIC[..], &[0, 1, 0, 0], &(body.len() as u32).to_be_bytes(), &body].concat();
        bytes.extend(Signatures::sign_message(&signed_message(&bytes), keys)?.encode());
        Ok(bytes)
    }

    /// Returns true if every field keeps the rule of its documentation.
    pub fn is_valid(&self) -> bool {
        parse::<Body>(&cbor::encode(&Body::of(self))).is_ok_and(|body| body.checked().is_some())
    }

    /// Reads a file; returns it and those of the trusted publishers that have signed it.
    fn read_signed(bytes: &[u8], trusted: &[Publisher]) -> Result<(Self, Vec<Publisher>), ServiceFileError> {
        let head: &[u8; HEAD] = bytes.first_chunk().ok_or(ServiceFileError::NotServiceFile)?;
        if !head.starts_with(MAGIC) {
            return Err(ServiceFileError::NotServiceFile);
        }
        if head[8..10] != [0, 1] {
            return Err(ServiceFileError::Unsupported);
        }
        let [.., a, b, c, d] = *head;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let well_formed =
            head[10..12] == [0, 0] && (1..=BODY_LIMIT).contains(&length) && bytes.len() <= FILE_LIMIT;
        let parts = bytes.split_at_checked(HEAD + length).filter(|_| well_formed);
        let (signed, signatures) = parts.ok_or(ServiceFileError::Malformed)?;
        let signatures = Signatures::parse(signatures).ok_or(ServiceFileError::Malformed)?;
        let signers = match signatures.verify_message(&signed_message(signed), trusted) {
            // Builds for fuzzing continue with any signature, to reach the parsers behind it.
            Err(_) if WITHOUT_AUTHENTICATION => vec![],
            signers => signers?,
        };
        let body: Body = parse(&signed[HEAD..]).map_err(|Malformed| ServiceFileError::Malformed)?;
        let file = body.checked().ok_or(ServiceFileError::Malformed)?;
        Ok((file, signers.into_iter().cloned().collect()))
    }
}

impl From<SignaturesError> for ServiceFileError {
    fn from(error: SignaturesError) -> Self {
        match error {
            SignaturesError::Wrong(_) => Self::WrongSignature,
            SignaturesError::Unsigned | SignaturesError::Untrusted | SignaturesError::Missing(_) => {
                Self::Unsigned
            }
        }
    }
}

fn signed_message(bytes: &[u8]) -> Vec<u8> {
    [b"ovseal/v1/service\0", bytes].concat()
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Body {
    #[n(0)]
    id: ServiceId,
    #[n(1)]
    name: String,
    #[n(2)]
    origin: KeyId,
    #[n(3)]
    serial: Number,
    #[n(4)]
    addresses: Vec<String>,
    #[n(5)]
    release_keys: Vec<ReleaseKey>,
    #[n(6)]
    lease_keys: Vec<Hash>,
    #[n(7)]
    pins: Vec<Hash>,
    #[n(8)]
    audit_key: Hash,
    #[n(9)]
    successor: String,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct ReleaseKey {
    #[n(0)]
    kem: u64,
    #[n(1)]
    key: ByteVec,
}

impl Rules for Body {
    const LIMIT: usize = BODY_LIMIT;

    fn hold(&self) -> bool {
        let mut addresses: Vec<&String> = self.addresses.iter().collect();
        addresses.sort_unstable();
        let distinct_keys = self.lease_keys.windows(2).all(|pair| pair[0] != pair[1]);
        is_name(&self.name)
            && self.serial.get() > 0
            && (1..=8).contains(&addresses.len())
            && is_ascending(&addresses)
            && addresses.into_iter().all(|address| is_address(address))
            && (1..=2).contains(&self.release_keys.len())
            && (1..=2).contains(&self.lease_keys.len())
            && distinct_keys
            && !self.lease_keys.contains(&self.audit_key)
            && (1..=4).contains(&self.pins.len())
            && is_ascending(&self.pins)
            && self.successor.len() <= 4096
            && self.id == ServiceId::of(self.origin, &self.name)
    }
}

impl Body {
    fn of(file: &ServiceFile) -> Self {
        let raw = |key: &VerifyingKey| Hash::from_bytes(key.as_bytes().try_into().unwrap_or_default());
        let release =
            |key: &KemPublicKey| ReleaseKey { kem: key.kem().number().into(), key: key.to_bytes().into() };
        Self {
            id: file.id(),
            name: file.name.clone(),
            origin: file.origin,
            serial: file.serial,
            addresses: file.addresses.clone(),
            release_keys: file.release_keys.iter().map(release).collect(),
            lease_keys: file.lease_keys.iter().map(raw).collect(),
            pins: file.pins.clone(),
            audit_key: raw(&file.audit_key),
            successor: file.successor.as_ref().map(Publisher::encode).unwrap_or_default(),
        }
    }

    /// Returns the file, if its keys can be used.
    fn checked(self) -> Option<ServiceFile> {
        let key = |key: &Hash| VerifyingKey::parse(key.as_bytes());
        let release_keys: Vec<KemPublicKey> =
            self.release_keys.iter().map(ReleaseKey::checked).collect::<Option<_>>()?;
        let order: Vec<_> = release_keys.iter().map(|key| (key.kem(), ReleaseKeyId::of(key))).collect();
        let successor = match self.successor.as_str() {
            "" => None,
            pem => Some(Publisher::parse(pem).ok()?),
        };
        is_ascending(&order).then_some(ServiceFile {
            origin: self.origin,
            name: self.name,
            serial: self.serial,
            addresses: self.addresses,
            release_keys,
            lease_keys: self.lease_keys.iter().map(key).collect::<Option<_>>()?,
            pins: self.pins,
            audit_key: key(&self.audit_key)?,
            successor,
        })
    }
}

impl ReleaseKey {
    fn checked(&self) -> Option<KemPublicKey> {
        KemPublicKey::parse(Kem::from_number(self.kem)?, &self.key)
    }
}

fn is_address(address: &str) -> bool {
    let Some(rest) = address.strip_prefix("https://") else { return false };
    let good = |byte: u8| byte.is_ascii_graphic() && !br"?#@\".contains(&byte);
    (1..=248).contains(&rest.len()) && rest.bytes().all(good) && !rest.ends_with('/')
}
