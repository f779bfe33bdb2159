//! The parameters of a `license` stanza.

use minicbor::{Decode, Encode};
use ovseal_memory::Secret;

use super::{Kem, KemPrivateKey, KemPublicKey, SHARE_LENGTH, SHARE_LIMIT, ShareError};
use crate::hex_id::hex_id;
use crate::suite::sha256;

const VERSION: u8 = 1;
const SALT: usize = 32;
const LEVEL_LIMIT: u8 = 3;

/// The id of a product of a licence service (`docs/license-protocol.md` §2.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ProductId(#[cbor(n(0), with = "minicbor::bytes")] [u8; 16]);

hex_id!(ProductId, 16);

/// The id of a release key of a licence service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseKeyId([u8; 32]);

hex_id!(ReleaseKeyId);

/// One share, encrypted to a release key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedShare {
    /// The mechanism of the key.
    pub kem: Kem,
    /// The id of the key.
    pub key_id: ReleaseKeyId,
    /// Encapsulated key, ciphertext and tag.
    pub sealed: Vec<u8>,
}

/// The parameters of a `license` stanza. They are authentic only to one who decrypts every share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenseParameters {
    /// The salt of the stanza.
    pub salt: [u8; SALT],
    /// The product whose licence opens the container.
    pub product: ProductId,
    /// The least level of the device, 0 to 3.
    pub least_level: u8,
    shares: Vec<SealedShare>,
}

impl ReleaseKeyId {
    /// Returns the id of a public key.
    pub fn of(key: &KemPublicKey) -> Self {
        let number = key.kem().number().to_be_bytes();
        Self(sha256(&[b"ovseal/v1/release-key\0", &number, &key.to_bytes()]))
    }
}

impl LicenseParameters {
    /// Encrypts `shares`, one for each key, for the container with the context `ctx`.
    ///
    /// The keys are 1 or 2 with different ids, in ascending order of mechanism and id, and
    /// `least_level` is at most 3.
    ///
    /// # Errors
    /// [`ShareError`] if this does not hold, or the operating system provides no random bytes.
    pub fn seal(
        salt: [u8; SALT],
        product: ProductId,
        least_level: u8,
        keys: &[KemPublicKey],
        shares: &[Secret<SHARE_LENGTH>],
        ctx: &[u8; 32],
    ) -> Result<Self, ShareError> {
        let share = |key: &KemPublicKey| SealedShare {
            kem: key.kem(),
            key_id: ReleaseKeyId::of(key),
            sealed: vec![],
        };
        let mut parameters = Self { salt, product, least_level, shares: keys.iter().map(share).collect() };
        if !parameters.is_canonical() || keys.len() != shares.len() {
            return Err(ShareError);
        }
        let (info, data) = (Self::info(ctx), parameters.associated_data());
        for ((sealed, key), share) in parameters.shares.iter_mut().zip(keys).zip(shares) {
            sealed.sealed = key.seal(&info, &data, share)?;
        }
        Ok(parameters)
    }

    /// Parses exactly these parameters; returns `None` for any other bytes.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let salt = *take(&mut rest)?;
        let [VERSION] = *take(&mut rest)? else { return None };
        let product = ProductId(*take(&mut rest)?);
        let [least_level, count] = *take(&mut rest)?;
        let shares = (0..count.min(3)).map(|_| SealedShare::take(&mut rest)).collect::<Option<_>>()?;
        let parameters = Self { salt, product, least_level, shares };
        (rest.is_empty() && parameters.is_canonical()).then_some(parameters)
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.head();
        for share in &self.shares {
            bytes.extend(share.head());
            bytes.extend(&share.sealed);
        }
        bytes
    }

    /// Returns the shares, 1 or 2.
    pub fn shares(&self) -> &[SealedShare] {
        &self.shares
    }

    /// Returns true if at least one share withstands a quantum computer: all of them are needed.
    pub fn is_post_quantum(&self) -> bool {
        self.shares.iter().any(|share| share.kem == Kem::XWing)
    }

    /// Decrypts every share, each with the key among `keys` that has its id.
    ///
    /// Returns `None` if a key is missing, or if product, level, shares and `ctx` do not belong
    /// together.
    pub fn open(&self, keys: &[KemPrivateKey], ctx: &[u8; 32]) -> Option<Vec<Secret<SHARE_LENGTH>>> {
        let (info, data) = (Self::info(ctx), self.associated_data());
        let open = |share: &SealedShare| {
            let mut keys = keys.iter().filter(|key| ReleaseKeyId::of(&key.public_key()) == share.key_id);
            keys.find_map(|key| key.open(&info, &data, &share.sealed))
        };
        self.shares.iter().map(open).collect()
    }

    /// Returns HPKE's `info` for the container with this context.
    pub fn info(ctx: &[u8; 32]) -> Vec<u8> {
        [b"ovseal/v1/license\0", &ctx[..]].concat()
    }

    /// Returns HPKE's associated data, the same for every share.
    pub fn associated_data(&self) -> Vec<u8> {
        let mut data = self.head();
        self.shares.iter().for_each(|share| data.extend(share.head()));
        data
    }

    /// Returns the parameters before the shares.
    fn head(&self) -> Vec<u8> {
        let count = self.shares.len() as u8;
        [&self.salt[..], &[VERSION], &self.product.0, &[self.least_level, count]].concat()
    }

    fn is_canonical(&self) -> bool {
        let ascending = self.shares.windows(2).all(|pair| pair[0].head() < pair[1].head());
        self.least_level <= LEVEL_LIMIT && (1..=SHARE_LIMIT).contains(&self.shares.len()) && ascending
    }
}

impl SealedShare {
    fn head(&self) -> [u8; 34] {
        let mut head = [0; 34];
        head[..2].copy_from_slice(&self.kem.number().to_be_bytes());
        head[2..].copy_from_slice(&self.key_id.0);
        head
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let kem = Kem::from_number(u16::from_be_bytes(*take(bytes)?).into())?;
        let key_id = ReleaseKeyId(*take(bytes)?);
        Some(Self { kem, key_id, sealed: bytes.split_off(..kem.sealed_length())?.to_vec() })
    }
}

fn take<'b, const N: usize>(bytes: &mut &'b [u8]) -> Option<&'b [u8; N]> {
    bytes.split_off(..N)?.first_chunk()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CTX: [u8; 32] = [9; 32];
    const PRODUCT: ProductId = ProductId([5; 16]);

    fn keys(kems: &[Kem]) -> Vec<KemPrivateKey> {
        kems.iter().map(|&kem| KemPrivateKey::generate(kem).unwrap()).collect()
    }

    fn sealed(keys: &[KemPrivateKey]) -> LicenseParameters {
        let publics: Vec<KemPublicKey> = keys.iter().map(KemPrivateKey::public_key).collect();
        let shares: Vec<_> =
            (0..keys.len()).map(|at| Secret::from_fn(|bytes| bytes.fill(at as u8))).collect();
        LicenseParameters::seal([3; 32], PRODUCT, 1, &publics, &shares, &CTX).unwrap()
    }

    #[test]
    fn parameters_parse_to_themselves_and_open_with_all_keys() {
        for kems in [&[Kem::XWing][..], &[Kem::P256], &[Kem::P256, Kem::XWing]] {
            let keys = keys(kems);
            let parameters = LicenseParameters::parse(&sealed(&keys).encode()).unwrap();
            let shares = parameters.open(&keys, &CTX).unwrap();
            assert_eq!(
                shares.iter().map(|share| share.expose()[0]).collect::<Vec<_>>(),
                (0..kems.len() as u8).collect::<Vec<_>>()
            );
            assert!(parameters.open(&keys[1..], &CTX).is_none(), "a key is missing");
            assert!(parameters.open(&keys, &[8; 32]).is_none(), "another container");
            assert_eq!(parameters.is_post_quantum(), kems.contains(&Kem::XWing));
        }
    }

    #[test]
    fn another_salt_product_level_or_number_of_shares_opens_nothing() {
        let keys = keys(&[Kem::P256, Kem::XWing]);
        let good = sealed(&keys);
        let mut dropped = good.clone();
        dropped.shares.truncate(1);
        let product = LicenseParameters { product: ProductId([6; 16]), ..good.clone() };
        let level = LicenseParameters { least_level: 0, ..good.clone() };
        let salt = LicenseParameters { salt: [4; 32], ..good.clone() };
        for changed in [dropped, product, level, salt] {
            assert!(LicenseParameters::parse(&changed.encode()).is_some());
            assert!(changed.open(&keys, &CTX).is_none(), "{changed:?}");
        }
    }

    #[test]
    fn cuts_appended_bytes_and_other_numbers_are_rejected() {
        let good = sealed(&keys(&[Kem::P256])).encode();
        assert!((0..good.len()).all(|length| LicenseParameters::parse(&good[..length]).is_none()));
        assert!(LicenseParameters::parse(&[&good[..], &[0]].concat()).is_none());
        for (at, value) in [(32, 2), (49, 4), (50, 0), (50, 2), (50, 3), (50, 255), (52, 0x20)] {
            let mut bytes = good.clone();
            bytes[at] = value;
            assert!(LicenseParameters::parse(&bytes).is_none(), "byte {at}");
        }
    }

    #[test]
    fn shares_out_of_order_or_for_one_key_are_rejected() {
        let keys = keys(&[Kem::P256, Kem::XWing]);
        let mut swapped = sealed(&keys);
        swapped.shares.reverse();
        assert!(LicenseParameters::parse(&swapped.encode()).is_none());
        swapped.shares[0] = swapped.shares[1].clone();
        assert!(LicenseParameters::parse(&swapped.encode()).is_none());
        let publics: Vec<KemPublicKey> = keys.iter().rev().map(KemPrivateKey::public_key).collect();
        let shares = [Secret::zeroed(), Secret::zeroed()];
        let error = LicenseParameters::seal([3; 32], PRODUCT, 1, &publics, &shares, &CTX).unwrap_err();
        assert_eq!(error, ShareError);
    }

    proptest! {
        #[test]
        fn whatever_parses_encodes_to_the_same_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300), level in 0..5u8) {
            let mut bytes = bytes;
            if bytes.len() > 53 {
                bytes[32] = 1;
                bytes[49..53].copy_from_slice(&[level, 1, 0, 0x10]);
                bytes.resize(51 + 34 + Kem::P256.sealed_length(), 1);
            }
            if let Some(parsed) = LicenseParameters::parse(&bytes) {
                prop_assert_eq!(parsed.encode(), bytes);
            }
        }
    }
}
