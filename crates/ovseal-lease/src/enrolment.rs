//! The enrolment of a device (`docs/license-protocol.md` §6).

mod exchange;

use minicbor::bytes::ByteVec;
use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};
use ovseal_format::cbor;
use ovseal_format::share::{Kem, KemPublicKey};

use crate::ids::{DeviceId, Hash, LicenceId, RequestHash, RequestId, ServiceId, VoucherId, sha256};
use crate::message::{MESSAGE_LIMIT, is_sign1};
use crate::policy::Level;
use crate::purpose::Purpose;
use crate::request::LEASE_LIMIT;
use crate::sign1::{Domain, SignedObject, VerifyingKey};
use crate::time::Time;
use crate::values::{self, Malformed, Rules, Software, Version};

const CERTIFICATE_LIMIT: usize = 4096;
const STRUCTURE_LIMIT: usize = 1024;

pub use exchange::{Credential, EnrolChallenge, EnrolFinish, EnrolProof, EnrolStart, TpmProof};

/// A request to enrol a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolRequest {
    /// The service.
    pub service: ServiceId,
    /// The id of the request, random.
    pub id: RequestId,
    /// The device's keys.
    pub keys: DeviceKeys,
    /// The program that asks.
    pub software: Software,
}

/// The public keys of a device, by its level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceKeys {
    /// Level 0.
    Software(Box<SoftwareKeys>),
    /// Level 1.
    Tpm(TpmKeys),
}

/// The keys of a device of level 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftwareKeys {
    /// The key that signs requests.
    pub signing: VerifyingKey,
    /// The key to which shares are encrypted.
    pub kem: KemPublicKey,
}

/// The keys of a device of level 1, in TPM structures that the caller parses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TpmKeys {
    /// 1 to 3 endorsement keys: certificates in DER, leaf first, and `TPMT_PUBLIC`.
    pub endorsement: Vec<(Vec<Vec<u8>>, Vec<u8>)>,
    /// `TPMT_PUBLIC` of the attestation key.
    pub attestation: Vec<u8>,
    /// `TPMT_PUBLIC` of the storage key.
    pub storage: Vec<u8>,
    /// The index of the service's counter.
    pub counter: u32,
}

/// An activation key or a voucher that admits a device, with its signature of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The activation key of this licence.
    Licence(LicenceId, Vec<u8>),
    /// A voucher.
    Voucher(VoucherId, Vec<u8>),
}

/// The service's record of an enrolment, which it signs.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EnrolmentRecord {
    #[n(0)]
    pub(crate) version: Version,
    /// The service.
    #[n(1)]
    pub service: ServiceId,
    /// `R` of the enrol request.
    #[n(2)]
    pub request: RequestHash,
    /// The device.
    #[n(3)]
    pub device: DeviceId,
    /// Its level.
    #[n(4)]
    pub level: Level,
    /// The service's time.
    #[n(5)]
    pub server_time: Time,
}

impl SoftwareKeys {
    /// Returns the id of the device with these keys.
    pub fn device(&self, service: ServiceId) -> DeviceId {
        let (number, kem) = (self.kem.kem().number().to_be_bytes(), self.kem.to_bytes());
        let pieces =
            [&b"ovseal/v1/device-key\0"[..], service.as_bytes(), self.signing.as_bytes(), &number, &kem];
        DeviceId::from_bytes(sha256(&pieces))
    }
}

impl EnrolRequest {
    /// Parses a request.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that are not one, or exceed a limit.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let wire: Wire = values::parse(bytes)?;
        let keys = wire.keys.checked().ok_or(Malformed)?;
        Ok(Self { service: wire.service, id: wire.id, keys, software: wire.software })
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        let keys = WireKeys::of(&self.keys);
        cbor::encode(&Wire {
            version: Version,
            purpose: Purpose::Enrol,
            service: self.service,
            level: keys.level(),
            id: self.id,
            keys,
            software: self.software.clone(),
        })
    }

    /// Returns `R`.
    pub fn hash(&self) -> RequestHash {
        Purpose::Enrol.hash(&self.encode())
    }
}

/// Returns `E`, which the proof of an enrolment covers: the hash of `R` and the service's token.
pub fn enrolment_transcript(request: RequestHash, token: &[u8]) -> Hash {
    Hash::from_bytes(sha256(&[b"ovseal/v1/enrol-proof\0", request.as_bytes(), token]))
}

impl Admission {
    /// Returns true if `key` made it for the request with this hash, and has its id.
    pub fn is_by(&self, key: &VerifyingKey, service: ServiceId, request: RequestHash) -> bool {
        let Ok(public) = <&[u8; 32]>::try_from(key.as_bytes()) else { return false };
        let (is_its_id, sign1) = match self {
            Self::Licence(id, sign1) => (*id == LicenceId::of(service, public), sign1),
            Self::Voucher(id, sign1) => (*id == VoucherId::of(service, public), sign1),
        };
        is_its_id && key.verifies_detached(Domain::Activation, request.as_bytes(), sign1)
    }
}

impl SignedObject for EnrolmentRecord {
    const DOMAIN: Domain = Domain::Enrolment;
    const LIMIT: usize = LEASE_LIMIT;

    fn is_consistent(&self) -> bool {
        true
    }
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Wire {
    #[n(0)]
    version: Version,
    #[n(1)]
    purpose: Purpose,
    #[n(2)]
    service: ServiceId,
    #[n(3)]
    level: Level,
    #[n(4)]
    id: RequestId,
    #[n(5)]
    keys: WireKeys,
    #[n(6)]
    software: Software,
}

/// The keys as they are encoded: an array of three at level 0, of four at level 1.
enum WireKeys {
    Software { signing: ByteVec, kem: u64, key: ByteVec },
    Tpm { endorsement: Vec<WireEndorsement>, attestation: ByteVec, storage: ByteVec, counter: u32 },
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct WireEndorsement {
    #[n(0)]
    certificates: Vec<ByteVec>,
    #[n(1)]
    public: ByteVec,
}

impl WireKeys {
    fn of(keys: &DeviceKeys) -> Self {
        match keys {
            DeviceKeys::Software(keys) => Self::Software {
                signing: keys.signing.as_bytes().to_vec().into(),
                kem: keys.kem.kem().number().into(),
                key: keys.kem.to_bytes().into(),
            },
            DeviceKeys::Tpm(keys) => Self::Tpm {
                endorsement: keys.endorsement.iter().map(WireEndorsement::of).collect(),
                attestation: keys.attestation.clone().into(),
                storage: keys.storage.clone().into(),
                counter: keys.counter,
            },
        }
    }

    const fn level(&self) -> Level {
        match self {
            Self::Software { .. } => Level::Software,
            Self::Tpm { .. } => Level::Tpm,
        }
    }

    /// Returns the keys, if they can be used.
    fn checked(self) -> Option<DeviceKeys> {
        match self {
            Self::Software { signing, kem, key } => {
                let kem = KemPublicKey::parse(Kem::from_number(kem)?, &key)?;
                let keys = SoftwareKeys { signing: VerifyingKey::parse(&signing)?, kem };
                (signing != key).then(|| DeviceKeys::Software(Box::new(keys)))
            }
            Self::Tpm { endorsement, attestation, storage, counter } => Some(DeviceKeys::Tpm(TpmKeys {
                endorsement: endorsement.into_iter().map(WireEndorsement::into_pair).collect(),
                attestation: attestation.into(),
                storage: storage.into(),
                counter,
            })),
        }
    }

    fn hold(&self) -> bool {
        let structure = |bytes: &ByteVec| (1..=STRUCTURE_LIMIT).contains(&bytes.len());
        match self {
            Self::Software { .. } => true,
            Self::Tpm { endorsement, attestation, storage, counter } => {
                (1..=3).contains(&endorsement.len())
                    && endorsement.iter().all(|key| key.hold() && structure(&key.public))
                    && [attestation, storage].into_iter().all(structure)
                    && OWNER_INDICES.contains(counter)
            }
        }
    }
}

impl WireEndorsement {
    fn of((certificates, public): &(Vec<Vec<u8>>, Vec<u8>)) -> Self {
        let certificates = certificates.iter().cloned().map(ByteVec::from).collect();
        Self { certificates, public: public.clone().into() }
    }

    fn into_pair(self) -> (Vec<Vec<u8>>, Vec<u8>) {
        (self.certificates.into_iter().map(Vec::from).collect(), self.public.into())
    }

    fn hold(&self) -> bool {
        let limited = |bytes: &ByteVec| (1..=CERTIFICATE_LIMIT).contains(&bytes.len());
        self.certificates.len() <= 4 && self.certificates.iter().all(limited)
    }
}

impl<C> Encode<C> for WireKeys {
    fn encode<W: Write>(
        &self,
        encoder: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Software { signing, kem, key } => {
                encoder.array(3)?.bytes(signing)?.u64(*kem)?.bytes(key)?;
            }
            Self::Tpm { endorsement, attestation, storage, counter } => {
                endorsement.encode(encoder.array(4)?, context)?;
                encoder.bytes(attestation)?.bytes(storage)?.u32(*counter)?;
            }
        }
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for WireKeys {
    fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, decode::Error> {
        match decoder.array()? {
            Some(3) => Ok(Self::Software {
                signing: decoder.bytes()?.to_vec().into(),
                kem: decoder.u64()?,
                key: decoder.bytes()?.to_vec().into(),
            }),
            Some(4) => Ok(Self::Tpm {
                endorsement: Vec::decode(decoder, context)?,
                attestation: decoder.bytes()?.to_vec().into(),
                storage: decoder.bytes()?.to_vec().into(),
                counter: decoder.u32()?,
            }),
            _ => Err(decode::Error::message("the keys are of an unknown level")),
        }
    }
}

impl Rules for Wire {
    const LIMIT: usize = MESSAGE_LIMIT;

    fn hold(&self) -> bool {
        self.purpose == Purpose::Enrol && self.level == self.keys.level() && self.keys.hold()
    }
}

impl Admission {
    pub(crate) fn hold(&self) -> bool {
        let (Self::Licence(_, sign1) | Self::Voucher(_, sign1)) = self;
        is_sign1(sign1)
    }
}

impl<C> Encode<C> for Admission {
    fn encode<W: Write>(&self, encoder: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Licence(id, sign1) => encoder.array(3)?.u8(1)?.bytes(id.as_bytes())?.bytes(sign1)?,
            Self::Voucher(id, sign1) => encoder.array(3)?.u8(2)?.bytes(id.as_bytes())?.bytes(sign1)?,
        };
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Admission {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let (length, kind) = (decoder.array()?, decoder.u64()?);
        let id = decoder.bytes()?.try_into();
        let id = id.map_err(|_| decode::Error::message("an id has 16 bytes"))?;
        let sign1 = decoder.bytes()?.to_vec();
        match (length, kind) {
            (Some(3), 1) => Ok(Self::Licence(LicenceId::from_bytes(id), sign1)),
            (Some(3), 2) => Ok(Self::Voucher(VoucherId::from_bytes(id), sign1)),
            _ => Err(decode::Error::message("the admission is of an unknown kind")),
        }
    }
}

/// NV indices of the owner (TCG Registry of Reserved TPM 2.0 Handles and Localities).
const OWNER_INDICES: std::ops::RangeInclusive<u32> = 0x0180_0000..=0x01bf_ffff;
