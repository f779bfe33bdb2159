//! Activation keys and vouchers (`docs/license-protocol.md` §2.3).

use aws_lc_rs::hkdf;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use ovseal_memory::{Secret, SecretBytes};

use crate::ids::{LicenceId, ServiceId, VoucherId};
use crate::sign1::SigningKey;

const LENGTH: usize = 16;
/// Length of the text: prefix, separator, 26 characters, checksum.
const TEXT: usize = 5 + 1 + 26 + 6;

/// The right that a key gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admits {
    /// A device to a licence.
    Licence,
    /// A device to the service.
    Enrolment,
}

/// An activation key or a voucher: 16 random bytes.
pub struct ActivationKey {
    admits: Admits,
    bytes: Secret<LENGTH>,
}

/// The text is not an activation key or voucher. The message quotes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an activation key: it has a typo, or does not begin with ovact1 or ovvou1")]
pub struct ActivationTextError;

impl Admits {
    const ALL: [Self; 2] = [Self::Licence, Self::Enrolment];

    const fn prefix(self) -> Hrp {
        match self {
            Self::Licence => Hrp::parse_unchecked("ovact"),
            Self::Enrolment => Hrp::parse_unchecked("ovvou"),
        }
    }

    const fn label(self) -> &'static [u8] {
        match self {
            Self::Licence => b"ovseal/v1/activation\0",
            Self::Enrolment => b"ovseal/v1/voucher-key\0",
        }
    }
}

impl ActivationKey {
    /// Creates the key with these bytes, which must be random.
    pub const fn new(admits: Admits, bytes: Secret<LENGTH>) -> Self {
        Self { admits, bytes }
    }

    /// Parses the text of a key. Hyphens and white space are ignored.
    ///
    /// # Errors
    /// [`ActivationTextError`] if the text is not a key.
    pub fn parse(text: &str) -> Result<Self, ActivationTextError> {
        Self::try_parse(text).ok_or(ActivationTextError)
    }

    fn try_parse(text: &str) -> Option<Self> {
        let mut line = Secret::<TEXT>::zeroed();
        let mut characters = text.chars().filter(|&character| character != '-' && !character.is_whitespace());
        for byte in line.expose_mut() {
            *byte = u8::try_from(characters.next()?).ok()?;
        }
        let line = std::str::from_utf8(line.expose()).ok().filter(|_| characters.next().is_none())?;
        let checked = CheckedHrpstring::new::<Bech32>(line).ok()?;
        let admits = Admits::ALL.into_iter().find(|admits| admits.prefix() == checked.hrp())?;
        let mut bytes = Secret::<LENGTH>::zeroed();
        let mut decoded = checked.byte_iter();
        for byte in bytes.expose_mut() {
            *byte = decoded.next()?;
        }
        // 26 characters hold 130 bits: the last two are padding.
        let last =
            bech32::Fe32::from_char(char::from(*checked.data_part_ascii_no_checksum().last()?)).ok()?;
        (decoded.next().is_none() && last.to_u8() & 3 == 0).then_some(Self { admits, bytes })
    }

    /// Returns the text of the key, in lower case.
    pub fn encode(&self) -> SecretBytes {
        let mut text = SecretBytes::with_capacity(TEXT).expect("38 bytes are far below the limit");
        bech32::encode_lower_to_fmt::<Bech32, _>(
            &mut Writer(&mut text),
            self.admits.prefix(),
            self.bytes.expose(),
        )
        .expect("16 bytes are below Bech32's limit");
        text
    }

    /// Returns what it admits.
    pub const fn admits(&self) -> Admits {
        self.admits
    }

    /// Returns the key that signs requests at this service.
    pub fn signing_key(&self, service: ServiceId) -> SigningKey {
        let seed = Secret::<32>::from_fn(|seed| {
            let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA512, &[]).extract(self.bytes.expose());
            pseudorandom
                .expand(&[self.admits.label(), service.as_bytes()], SeedLength)
                .and_then(|okm| okm.fill(seed))
                .expect("32 bytes are below HKDF's limit");
        });
        SigningKey::from_seed(&seed)
    }

    /// Returns the id of the licence that it activates at this service.
    pub fn licence(&self, service: ServiceId) -> LicenceId {
        LicenceId::of(service, &self.signing_key(service).public_bytes())
    }

    /// Returns its id as a voucher at this service.
    pub fn voucher(&self, service: ServiceId) -> VoucherId {
        VoucherId::of(service, &self.signing_key(service).public_bytes())
    }
}

impl std::fmt::Debug for ActivationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ActivationKey({:?}, ..)", self.admits)
    }
}

struct Writer<'w>(&'w mut SecretBytes);

impl std::fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend(text.as_bytes()).map_err(|_| std::fmt::Error)
    }
}

/// The length of a seed, for which `aws-lc-rs` requires a type.
struct SeedLength;

impl hkdf::KeyType for SeedLength {
    fn len(&self) -> usize {
        32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(admits: Admits) -> ActivationKey {
        ActivationKey::new(admits, Secret::from_fn(|bytes| bytes.fill(0xa5)))
    }

    fn text(admits: Admits) -> String {
        String::from_utf8(key(admits).encode().expose().to_vec()).unwrap()
    }

    #[test]
    fn the_text_of_a_key_parses_to_it_in_groups_and_capitals() {
        for admits in Admits::ALL {
            let text = text(admits);
            for text in [text.clone(), text.to_uppercase(), format!(" {}-{}\n", &text[..9], &text[9..])] {
                let parsed = ActivationKey::parse(&text).unwrap();
                assert_eq!((parsed.admits(), parsed.bytes.expose()), (admits, &[0xa5; 16]));
            }
        }
    }

    #[test]
    fn typos_mixed_case_and_other_lengths_are_rejected() {
        let good = text(Admits::Licence);
        let mut texts =
            vec![good[1..].to_owned(), format!("{good}q"), good.replacen('a', "A", 1), String::new()];
        for at in 0..good.len() {
            let mut changed = good.clone().into_bytes();
            changed[at] = if changed[at] == b'q' { b'p' } else { b'q' };
            texts.push(String::from_utf8(changed).unwrap());
        }
        for text in texts {
            assert_eq!(ActivationKey::parse(&text).unwrap_err(), ActivationTextError, "{text}");
        }
    }

    #[test]
    fn keys_differ_by_service_and_by_what_they_admit() {
        let [one, two] = [ServiceId::from_bytes([1; 32]), ServiceId::from_bytes([2; 32])];
        let licence = key(Admits::Licence).signing_key(one).public_bytes();
        assert_ne!(licence, key(Admits::Licence).signing_key(two).public_bytes());
        assert_ne!(licence, key(Admits::Enrolment).signing_key(one).public_bytes());
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", key(Admits::Licence)), "ActivationKey(Licence, ..)");
    }
}
