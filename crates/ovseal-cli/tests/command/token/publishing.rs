//! A publisher's key with one half on a token.

use super::softhsm::Hsm;

const KEY: &str = "pkcs11:token=a;object=acme";

/// Creates a token with an Ed25519 key, and the files of a publisher's key that uses it.
fn publisher() -> Hsm {
    let hsm = Hsm::with(&["a"]);
    assert_eq!(hsm.done(&format!("token keygen {KEY} --publisher --pin-file pin")), "");
    let id = hsm.done(&format!("token publisher {KEY} -o acme --pin-file pin"));
    assert_eq!(id.len(), 64, "{id}");
    hsm
}

fn seal(output: &str) -> String {
    format!(
        "seal net.xml -o {output} --keyfile key --publisher-key {KEY} --pin-file pin --ml-dsa-key acme.key"
    )
}

#[test]
fn a_container_that_the_token_signed_is_the_publishers() {
    let hsm = publisher();
    assert_eq!(
        String::from_utf8(hsm.bench.read("acme.key")).unwrap().matches("BEGIN PRIVATE KEY").count(),
        1
    );
    assert_eq!(String::from_utf8(hsm.bench.read("acme.pub")).unwrap().matches("BEGIN PUBLIC KEY").count(), 2);
    let sealed = hsm.run(&seal("net.ovseal"));
    assert_eq!(sealed.code, Some(0), "{sealed:?}");
    assert!(sealed.stderr.ends_with("ovseal: signed by its publisher\n"), "{sealed:?}");
    hsm.bench.done("verify net.ovseal --keyfile key --publisher acme.pub --name net");
    hsm.bench.done("keygen --publisher -o other");
    let other = hsm.bench.run("verify net.ovseal --keyfile key --publisher other.pub");
    assert_eq!(other.code, Some(5), "{other:?}");
}

#[test]
fn both_halves_are_needed() {
    let hsm = publisher();
    hsm.fails(
        &format!("seal net.xml -o net.ovseal --keyfile key --publisher-key {KEY} --pin-file pin"),
        2,
        &[
            "ovseal: error: a token's key makes only half of a publisher's signature",
            "ovseal: hint: give the other half, from ovseal token publisher, with --ml-dsa-key F",
        ],
    );
    hsm.fails(
        "seal net.xml -o net.ovseal --keyfile key --publisher-key acme.key",
        2,
        &["ovseal: error: cannot use acme.key: a publisher's private key is two PEM blocks, for Ed25519 and ML-DSA-65"],
    );
    hsm.bench.done("keygen --publisher -o whole");
    hsm.fails(
        &seal("net.ovseal").replace("acme.key", "whole.key"),
        2,
        &["ovseal: error: cannot use whole.key: the half of a publisher's private key that complements a \
           token's is one PEM block, for ML-DSA-65"],
    );
    hsm.fails(
        "seal net.xml -o net.ovseal --keyfile key --publisher-key whole.key --ml-dsa-key acme.key",
        2,
        &[
            "ovseal: error: --ml-dsa-key requires a token's key in --publisher-key",
            "ovseal: hint: a publisher's key in a file contains both halves",
        ],
    );
    assert!(!hsm.bench.exists("net.ovseal"));
}

#[test]
fn halves_that_do_not_belong_together_make_another_publisher() {
    let hsm = publisher();
    hsm.done(&format!("token publisher {KEY} -o second --pin-file pin"));
    hsm.done(&seal("net.ovseal").replace("acme.key", "second.key"));
    let denied = hsm.bench.run("verify net.ovseal --keyfile key --publisher acme.pub");
    assert_eq!(denied.code, Some(5), "{denied:?}");
    hsm.bench.done("verify net.ovseal --keyfile key --publisher second.pub");
}

#[test]
fn a_signature_that_is_wrong_leaves_no_container() {
    let hsm = publisher().faulty("signs-wrong");
    let error = "ovseal: error: the publisher's key returned a wrong signature";
    hsm.fails(&seal("net.ovseal"), 1, &[error]);
    assert!(!hsm.bench.names(".").iter().any(|name| name.contains("ovseal")), "{:?}", hsm.bench.names("."));
}

#[test]
fn an_existing_file_is_not_overwritten() {
    let hsm = publisher();
    let before = hsm.bench.read("acme.key");
    let line = format!("token publisher {KEY} -o acme --pin-file pin");
    let outcome = hsm.run(&line);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert_eq!(hsm.bench.read("acme.key"), before);
}
