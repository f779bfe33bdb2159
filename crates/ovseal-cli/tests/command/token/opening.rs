//! Sealing to a token's key and opening with it.

use serde_json::Value;

use super::softhsm::Hsm;

const A: &str = "pkcs11:token=a;object=model";
const B: &str = "pkcs11:token=b;object=model";

/// Creates tokens `a` and `b` with a key each, and `m.ovseal`, sealed to the key of `a` without a
/// token.
fn sealed() -> Hsm {
    let hsm = Hsm::with(&["a", "b"]);
    hsm.bench.done("keygen --publisher -o acme");
    hsm.done(&format!("token keygen {B} --pin-file pin"));
    let recipient = hsm.done(&format!("token keygen {A} --pin-file pin"));
    assert!(recipient.starts_with("age1tag1"), "{recipient}");
    hsm.bench
        .done(&format!("seal models/conv/model.xml -o m.ovseal -r {recipient} --publisher-key acme.key"));
    hsm
}

fn outputs(text: &str) -> Value {
    serde_json::from_str::<Value>(text).unwrap()["outputs"].clone()
}

#[test]
fn a_model_runs_with_the_token_that_it_is_sealed_to_and_with_no_other() {
    let hsm = sealed();
    let plaintext = outputs(&hsm.done("run models/conv/model.xml --json"));
    let sealed = hsm.done(&format!("run m.ovseal --publisher acme.pub --json --pin-file pin --pkcs11 {A}"));
    assert_eq!(outputs(&sealed), plaintext);
    let kinds = "ovseal: hint: the container accepts these kinds of key: pkcs11 (--pkcs11 URI)";
    let error = "ovseal: error: m.ovseal: the token's key does not open the container";
    hsm.fails(&format!("verify m.ovseal --pin-file pin --pkcs11 {B}"), 4, &[error, kinds]);
    let error = "ovseal: error: m.ovseal: the container does not accept this kind of key";
    hsm.fails("verify m.ovseal --keyfile key", 4, &[error, kinds]);
    hsm.fails("verify m.ovseal --sgx", 4, &[error, kinds]);
}

#[test]
fn the_recipient_is_shown_without_a_pin_and_is_that_of_the_key() {
    let hsm = sealed();
    let recipient = hsm.done(&format!("token recipient {A}"));
    assert_ne!(recipient, hsm.done(&format!("token recipient {B}")));
    hsm.bench.write("recipients", format!("# device a\n{recipient}\n").as_bytes());
    hsm.bench.done("seal net.xml -o net.ovseal -R recipients");
    hsm.done(&format!("verify net.ovseal --pin-file pin --pkcs11 {A}"));
}

#[test]
fn a_token_is_added_and_the_key_file_is_removed() {
    let hsm = sealed();
    hsm.bench.done("seal net.xml -o net.ovseal --keyfile key");
    let recipient = hsm.done(&format!("token recipient {A}"));
    hsm.bench.done(&format!("rekey net.ovseal --keyfile key --add-recipient {recipient} --remove 1"));
    hsm.done(&format!("verify net.ovseal --pin-file pin --pkcs11 {A}"));
    hsm.done(&format!("rekey net.ovseal --any-sender --pin-file pin --pkcs11 {A} --add-keyfile key"));
    hsm.bench.done("verify net.ovseal --keyfile key");
}

#[test]
fn a_token_is_classical_and_not_mixed_with_post_quantum_keys_unless_allowed() {
    let hsm = sealed();
    let token = hsm.done(&format!("token recipient {A}"));
    let identity = hsm.done("keygen -o id.txt");
    let line = format!("seal net.xml -o net.ovseal -r {token} -r {identity}");
    let refused = hsm.bench.run(&line);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.starts_with("ovseal: error: post-quantum and classical public keys are mixed\n"));
    hsm.bench.done(&format!("{line} --allow-mixed"));
    let shown = hsm.bench.done("inspect net.ovseal").stdout;
    assert!(shown.contains("  1   pkcs11      not post-quantum"), "{shown}");
}

#[test]
fn a_changed_stanza_opens_nothing() {
    let hsm = sealed();
    let container = hsm.bench.read("m.ovseal");
    // The stanza: length and type, length and 73 bytes of parameters, length and 48 bytes of body.
    let at = container.windows(7).position(|bytes| bytes == b"\x06pkcs11").unwrap();
    for offset in [9, 9 + 40, 9 + 72, 9 + 73 + 2, 9 + 73 + 2 + 47] {
        let mut changed = container.clone();
        changed[at + offset] ^= 1;
        // An attacker can recompute the region's checksum, so this does that as well.
        let length = u32::from_be_bytes(changed[4096..4100].try_into().unwrap()) as usize;
        let covered = 4096..4096 + 48 + length;
        let digest = sha256(&changed[covered.clone()]);
        changed[covered.end..covered.end + 32].copy_from_slice(&digest);
        hsm.bench.write("m.ovseal", &changed);
        let outcome = hsm.run(&format!("inspect m.ovseal --pin-file pin --pkcs11 {A}"));
        assert_eq!(outcome.code, Some(4), "offset {offset}: {outcome:?}");
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().try_into().unwrap()
}
