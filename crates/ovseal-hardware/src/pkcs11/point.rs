//! Public keys in the encodings of tokens.

use cryptoki::object::Attribute;

/// Length of an uncompressed point on P-256 (SEC 1 §2.3.3).
pub(super) const P256_LENGTH: usize = 65;

/// `CKA_EC_PARAMS` of P-256: the object identifier 1.2.840.10045.3.1.7 in DER.
pub(super) const P256_PARAMETERS: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";

/// `CKA_EC_PARAMS` of Ed25519: the name preferred by PKCS#11 v3.0, which all such tokens accept.
pub(super) const ED25519_PARAMETERS: &[u8] = b"\x13\x0cedwards25519";

/// Prefix of the point in a SubjectPublicKeyInfo (RFC 5480) of P-256.
const P256_INFO_PREFIX: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";

/// Prefix of the key in a SubjectPublicKeyInfo (RFC 8410) of Ed25519.
const ED25519_INFO_PREFIX: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

/// Parses a public key of `N` bytes in `CKA_EC_POINT`.
///
/// The value is an OCTET STRING in DER. Some tokens return the bare bytes.
pub(super) fn from_ec_point<const N: usize>(value: &[u8]) -> Option<[u8; N]> {
    let bare = match value {
        [4, length, bare @ ..] if usize::from(*length) == N && bare.len() == N => bare,
        bare => bare,
    };
    bare.try_into().ok()
}

/// Parses a public key of `N` bytes in an attribute of either half of a pair.
pub(super) fn from_attribute<const N: usize>(attribute: &Attribute) -> Option<[u8; N]> {
    match attribute {
        Attribute::EcPoint(value) => from_ec_point(value),
        Attribute::PublicKeyInfo(value) => {
            let prefix = if N == P256_LENGTH { P256_INFO_PREFIX } else { ED25519_INFO_PREFIX };
            value.strip_prefix(prefix)?.try_into().ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_accepted_bare_and_wrapped() {
        let point = [4; P256_LENGTH];
        let wrapped = [&[4, 65][..], &point].concat();
        assert_eq!(from_ec_point(&point), Some(point));
        assert_eq!(from_ec_point(&wrapped), Some(point));
        assert_eq!(from_ec_point::<32>(&[&[4, 32][..], &[9; 32]].concat()), Some([9; 32]));
    }

    #[test]
    fn other_lengths_are_rejected() {
        for value in [&[4; 64][..], &[4; 66], &[], &[4, 64], &[&[4, 65][..], &[4; 64]].concat()] {
            assert_eq!(from_ec_point::<P256_LENGTH>(value), None, "{value:?}");
        }
    }

    #[test]
    fn a_key_info_of_another_algorithm_is_rejected() {
        let info = [P256_INFO_PREFIX, &[4; P256_LENGTH]].concat();
        assert_eq!(from_attribute(&Attribute::PublicKeyInfo(info.clone())), Some([4; P256_LENGTH]));
        assert_eq!(from_attribute::<32>(&Attribute::PublicKeyInfo(info)), None);
    }
}
