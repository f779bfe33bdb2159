//! The public half of a token's key, to which a publisher seals without the token.

use std::fmt;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable, Kem, OpModeS, Serializable};
use ovseal::{Context, DataKey, KeyError, Recipient, RecipientClass, Stanza, WrapError};
use p256::PublicKey;
use p256::elliptic_curve::sec1::ToSec1Point;

use super::point::P256_LENGTH;
use super::{KeyUse, STANZA_TYPE, Token, TokenError, Uri, key};

/// Prefix of age's recipients of this kind (C2SP age, `p256tag`), which are written the same way.
const PREFIX: Hrp = Hrp::parse_unchecked("age1tag");
const COMPRESSED_LENGTH: usize = 33;

/// Length of the tag by which the owner recognizes a stanza without using the token.
pub(super) const TAG_LENGTH: usize = 8;

/// A P-256 public key whose private half a token holds: `age1tag1…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecipient(PublicKey);

impl TokenRecipient {
    /// Returns whether `text` starts like such a recipient.
    pub fn is_meant(text: &str) -> bool {
        text.get(..8).is_some_and(|prefix| prefix.eq_ignore_ascii_case("age1tag1"))
    }

    /// Parses a recipient.
    ///
    /// # Errors
    /// [`KeyError::Recipient`] if `text` is not such a recipient.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let checked = CheckedHrpstring::new::<Bech32>(text).map_err(|_| KeyError::Recipient)?;
        let bytes: Vec<u8> = checked.byte_iter().collect();
        let point = PublicKey::from_sec1_bytes(&bytes).map_err(|_| KeyError::Recipient)?;
        let recipient = Self(point);
        // Each key is written in exactly one way: zero padding and a compressed point.
        let is_canonical =
            bytes.len() == COMPRESSED_LENGTH && recipient.to_string().eq_ignore_ascii_case(text);
        is_canonical.then_some(recipient).ok_or(KeyError::Recipient)
    }

    /// Finds the recipient of the token's key that fits `uri`. Most tokens show it without a PIN.
    ///
    /// # Errors
    /// [`TokenError`] if no key or more than one fits.
    pub fn find(token: &Token, uri: &Uri) -> Result<Self, TokenError> {
        let point = key::find_public::<P256_LENGTH>(token, uri, KeyUse::Opening)?;
        Self::from_point(&point)
            .ok_or_else(|| TokenError::KeyKind { uri: uri.to_string(), wanted: KeyUse::Opening })
    }

    /// Creates a key on the token and returns its recipient.
    ///
    /// The token must be unlocked and opened for writing.
    ///
    /// # Errors
    /// [`TokenError::NoLabel`], [`TokenError::KeyExists`], or an error of the module.
    pub fn make(token: &Token, uri: &Uri) -> Result<Self, TokenError> {
        key::create(token, uri, KeyUse::Opening)?;
        Self::find(token, uri)
    }

    /// Returns the recipient with this uncompressed point, if it is on P-256.
    pub(super) fn from_point(point: &[u8; P256_LENGTH]) -> Option<Self> {
        PublicKey::from_sec1_bytes(point).ok().map(Self)
    }

    fn point(&self) -> [u8; P256_LENGTH] {
        self.0.to_sec1_point(false).as_bytes().try_into().expect("an uncompressed point has 65 bytes")
    }
}

impl fmt::Display for TokenRecipient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = bech32::encode_lower::<Bech32>(PREFIX, self.0.to_sec1_point(true).as_bytes());
        formatter.write_str(&text.expect("33 bytes are below Bech32's limit"))
    }
}

impl Recipient for TokenRecipient {
    fn wrap(&self, key: &DataKey, context: &Context) -> Result<Stanza, WrapError> {
        let point = self.point();
        let public =
            <DhP256HkdfSha256 as Kem>::PublicKey::from_bytes(&point).map_err(|_| WrapError::WeakPublicKey)?;
        let (encapsulated, mut sender) = hpke::setup_sender::<AesGcm256, HkdfSha256, DhP256HkdfSha256>(
            &OpModeS::Base,
            &public,
            &info(context),
        )
        .map_err(|_| WrapError::WeakPublicKey)?;
        let encapsulated = encapsulated.to_bytes();
        let parameters = [&encapsulated[..], &tag(&encapsulated, &point)].concat();
        Ok(Stanza::new(STANZA_TYPE, parameters, |_| {
            sender.seal(&*key.expose(), &[]).expect("the first message of a sender can always be sealed")
        })?)
    }

    fn class(&self) -> RecipientClass {
        RecipientClass::ClassicalPublicKey
    }
}

/// Returns the HPKE `info`, which binds a stanza to its container.
pub(super) fn info(context: &Context) -> Vec<u8> {
    [b"ovseal/v1/", STANZA_TYPE.as_bytes(), &[0], context.as_bytes()].concat()
}

/// Computes the tag of a stanza.
///
/// With the public key, the tag shows that the stanza is for that key. Without it, the tag looks
/// random.
pub(super) fn tag(encapsulated: &[u8], public: &[u8]) -> [u8; TAG_LENGTH] {
    let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    [b"ovseal/v1/pkcs11-tag\0", encapsulated, public].iter().for_each(|piece| digest.update(piece));
    let digest = digest.finish();
    std::array::from_fn(|at| digest.as_ref()[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The generator of P-256 (SEC 2 §2.4.2), compressed.
    const GENERATOR: [u8; 33] = [
        0x03, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
        0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
    ];

    fn text(bytes: &[u8]) -> String {
        bech32::encode_lower::<Bech32>(PREFIX, bytes).unwrap()
    }

    #[test]
    fn a_recipient_is_parsed_as_it_was_written() {
        let recipient = TokenRecipient::parse(&text(&GENERATOR)).unwrap();
        assert!(recipient.to_string().starts_with("age1tag1q"));
        assert_eq!(TokenRecipient::parse(&recipient.to_string()), Ok(recipient.clone()));
        assert_eq!(TokenRecipient::parse(&recipient.to_string().to_uppercase()), Ok(recipient.clone()));
        assert_eq!(TokenRecipient::from_point(&recipient.point()), Some(recipient));
    }

    #[test]
    fn other_texts_are_rejected() {
        let good = text(&GENERATOR);
        let mut off_curve = GENERATOR;
        off_curve[32] ^= 1;
        off_curve[1] = 0xff;
        let uncompressed = TokenRecipient::parse(&good).unwrap().point();
        let foreign = bech32::encode_lower::<Bech32>(Hrp::parse_unchecked("age"), &GENERATOR).unwrap();
        let bech32m = bech32::encode_lower::<bech32::Bech32m>(PREFIX, &GENERATOR).unwrap();
        let long = bech32::encode_lower::<bech32::NoChecksum>(PREFIX, &uncompressed).unwrap();
        let texts =
            ["", "age1tag1", &good[..good.len() - 1], &text(&GENERATOR[..32]), &foreign, &bech32m, &long];
        for text in texts {
            assert_eq!(TokenRecipient::parse(text), Err(KeyError::Recipient), "{text}");
        }
        assert_eq!(TokenRecipient::parse(&text(&[0])), Err(KeyError::Recipient), "the point at infinity");
        assert_eq!(TokenRecipient::parse(&text(&off_curve)), Err(KeyError::Recipient));
        assert_eq!(TokenRecipient::parse(&good.replacen('a', "A", 1)), Err(KeyError::Recipient));
    }
}
