//! Finding the module, token, key and PIN, and the errors when one is missing.

use serde_json::Value;

use super::softhsm::Hsm;

const KEY: &str = "pkcs11:token=a;object=model";

/// Creates a token with a key, and `net.ovseal` sealed to it.
fn sealed() -> Hsm {
    let hsm = Hsm::with(&["a"]);
    let recipient = hsm.done(&format!("token keygen {KEY} --pin-file pin"));
    hsm.bench.done(&format!("seal net.xml -o net.ovseal -r {recipient}"));
    hsm
}

fn verify(uri: &str) -> String {
    format!("verify net.ovseal --pin-file pin --pkcs11 {uri}")
}

#[test]
fn the_pin_comes_from_a_file_that_an_option_or_the_uri_names() {
    let hsm = sealed();
    hsm.bench.write("pin", b"271828\n");
    hsm.done(&verify(KEY));
    let pin = hsm.bench.path("pin");
    hsm.done(&format!("verify net.ovseal --pkcs11 {KEY}?pin-source=file:{}", pin.display()));
    let module = std::env::var("OVSEAL_TEST_SOFTHSM").unwrap();
    let settings = [("SOFTHSM2_CONF", hsm.bench.path("softhsm2.conf"))];
    for line in
        [verify(&format!("{KEY}?module-path={module}")), format!("{} --pkcs11-module {module}", verify(KEY))]
    {
        let outcome = hsm.bench.run_in(&settings, &line);
        assert_eq!(outcome.code, Some(0), "{line}: {outcome:?}");
    }
}

#[test]
fn a_pin_in_the_uri_is_refused_and_not_repeated() {
    let hsm = sealed();
    hsm.fails(
        &format!("verify net.ovseal --pkcs11 {KEY}?pin-value=271828"),
        2,
        &[
            "ovseal: error: the PKCS#11 URI contains a PIN, which anyone who can list processes can see",
            "ovseal: hint: leave out pin-value, and give the PIN with --pin-file F or when asked; change it if others may have seen it",
        ],
    );
}

#[test]
fn a_wrong_pin_is_reported_and_the_right_one_works_after_it() {
    let hsm = sealed();
    hsm.bench.write("wrong", b"000000");
    let wrong = hsm.run(&format!("verify net.ovseal --pin-file wrong --pkcs11 {KEY}"));
    let lines: Vec<&str> = wrong.stderr.lines().collect();
    assert!(lines[0].starts_with("ovseal: error: wrong PIN for the token a"), "{wrong:?}");
    assert_eq!(
        lines[1],
        "ovseal: hint: check the PIN before you try again: too many wrong ones lock the token"
    );
    assert_eq!(wrong.code, Some(4));
    hsm.done(&verify(KEY));
    hsm.bench.write("none", b"");
    let error = "ovseal: error: cannot use none: a PIN has 1 to 255 bytes of UTF-8 without a NUL";
    hsm.fails(&format!("verify net.ovseal --pin-file none --pkcs11 {KEY}"), 2, &[error]);
}

#[test]
fn a_module_that_is_not_there_is_named() {
    let hsm = sealed();
    let outcome = hsm.bench.run(&format!("{} --pkcs11-module /absent.so", verify(KEY)));
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert!(
        lines[0].starts_with("ovseal: error: cannot load the PKCS#11 module /absent.so: "),
        "{outcome:?}"
    );
    let hint = "ovseal: hint: specify the token's module with --pkcs11-module FILE or OVSEAL_PKCS11_MODULE";
    assert_eq!((lines[1], outcome.code), (hint, Some(1)));
    let no_module = hsm.bench.run(&format!("{} --pkcs11-module net.xml", verify(KEY)));
    assert_eq!(no_module.code, Some(1), "{no_module:?}");
}

#[test]
fn a_token_that_is_not_there_or_not_the_only_one_is_reported() {
    let hsm = sealed();
    hsm.fails(
        &verify("pkcs11:token=absent;object=model"),
        1,
        &[
            "ovseal: error: no token fits pkcs11:token=absent;object=model",
            "ovseal: hint: plug the token in; ovseal doctor lists the tokens",
        ],
    );
    hsm.done(&verify("pkcs11:object=model"));
    hsm.add("a");
    hsm.fails(
        &verify(KEY),
        2,
        &[
            "ovseal: error: 2 tokens fit pkcs11:token=a;object=model",
            "ovseal: hint: add the serial number to the URI; ovseal doctor lists the tokens",
        ],
    );
}

#[test]
fn a_token_that_was_deleted_is_missed() {
    let hsm = sealed();
    hsm.remove("a");
    assert_eq!(hsm.run(&verify(KEY)).code, Some(1));
}

#[test]
fn a_key_that_is_not_there_or_not_the_only_one_is_reported() {
    let hsm = sealed();
    hsm.fails(
        &verify("pkcs11:token=a;object=absent"),
        4,
        &[
            "ovseal: error: the token has no key that fits pkcs11:token=a;object=absent",
            "ovseal: hint: create a key with ovseal token keygen",
        ],
    );
    hsm.done(&verify("pkcs11:token=a"));
    hsm.done("token keygen pkcs11:token=a;object=second;id=%02 --pin-file pin");
    hsm.fails(
        &verify("pkcs11:token=a"),
        2,
        &[
            "ovseal: error: 2 keys of the token fit pkcs11:token=a",
            "ovseal: hint: add the key's object or id to the URI",
        ],
    );
    // The error for two matching keys needs no PIN.
    assert_eq!(hsm.run("token recipient pkcs11:token=a").code, Some(2));
    let second = hsm.done("token recipient pkcs11:token=a;id=%02");
    assert_eq!(second, hsm.done("token recipient pkcs11:token=a;object=second"));
}

#[test]
fn a_key_of_another_kind_is_reported() {
    let hsm = sealed();
    hsm.done("token keygen pkcs11:token=a;object=signs --publisher --pin-file pin");
    let error =
        "ovseal: error: the key that fits pkcs11:token=a;object=signs is not a P-256 key that may derive";
    hsm.fails(&verify("pkcs11:token=a;object=signs"), 4, &[error]);
    let error = format!("ovseal: error: the key that fits {KEY} is not an Ed25519 key that may sign");
    hsm.fails(&format!("token publisher {KEY} -o acme --pin-file pin"), 4, &[&error]);
}

#[test]
fn a_new_key_needs_a_label_that_no_other_has() {
    let hsm = sealed();
    hsm.fails(
        &format!("token keygen {KEY} --pin-file pin"),
        2,
        &[
            "ovseal: error: the token already has a key that fits pkcs11:token=a;object=model",
            "ovseal: hint: choose another label as the URI's object",
        ],
    );
    hsm.fails(
        "token keygen pkcs11:token=a --pin-file pin",
        2,
        &[
            "ovseal: error: a new key needs a label: the URI has no object",
            "ovseal: hint: add the label as object=NAME",
        ],
    );
}

#[test]
fn text_that_is_no_uri_is_refused() {
    let hsm = sealed();
    hsm.fails(
        &verify("token=a"),
        2,
        &[
            "ovseal: error: a PKCS#11 URI begins with pkcs11:",
            "ovseal: hint: for example pkcs11:token=edge-7;object=model",
        ],
    );
    let error = "ovseal: error: the PKCS#11 URI attribute slot-id is not supported";
    hsm.fails(&verify("pkcs11:slot-id=0"), 2, &[error]);
}

#[test]
fn a_typing_error_in_a_recipient_is_found() {
    let hsm = sealed();
    let recipient = hsm.done(&format!("token recipient {KEY}"));
    let mut typo = recipient.into_bytes();
    typo[20] = if typo[20] == b'q' { b'p' } else { b'q' };
    let line = format!("seal net.xml -o other.ovseal -r {}", String::from_utf8(typo).unwrap());
    assert_eq!(hsm.bench.run(&line).code, Some(2));
}

#[test]
fn doctor_lists_the_tokens() {
    let hsm = Hsm::with(&["a", "edge 7"]);
    let facts: Value = serde_json::from_str(&hsm.done("doctor --json")).unwrap();
    let tokens = facts["tokens"]["found"].as_array().unwrap();
    assert_eq!(tokens.len(), 2);
    let token = tokens.iter().find(|token| token["label"] == "edge 7").unwrap();
    assert_eq!((&token["wants_pin"], &token["pin"]), (&true.into(), &"not locked".into()));
    let uri = token["uri"].as_str().unwrap();
    assert!(uri.starts_with("pkcs11:token=edge%207;serial="), "{uri}");
    hsm.done(&format!("token keygen {uri};object=model --pin-file pin"));
    let shown = hsm.done("doctor");
    assert!(shown.contains("tokens:\n  found: 2 tokens\n") && shown.contains(uri), "{shown}");
    let none = hsm.bench.json("doctor --pkcs11-module /absent.so");
    assert_eq!(none["tokens"]["found"], Value::Null);
    assert_eq!((&none["enclave"]["enclave"], &none["enclave"]["evidence"]), (&false.into(), &Value::Null));
}

#[test]
fn outside_an_enclave_there_is_no_enclaves_key() {
    let hsm = sealed();
    let error = "ovseal: error: this program does not run in an SGX enclave under Gramine: there is no \
                 /dev/attestation/keys/_sgx_mrsigner";
    hsm.fails(
        &format!("rekey net.ovseal --any-sender --pkcs11 {KEY} --pin-file pin --add-sgx mrsigner"),
        1,
        &[error],
    );
    let unknown =
        hsm.run(&format!("rekey net.ovseal --any-sender --pkcs11 {KEY} --pin-file pin --add-sgx all"));
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
}
