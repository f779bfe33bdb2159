//! `ovseal verify`.

use ovseal::{
    Context, DataKey, KeyFile, PublicKeyRecipient, Recipient, RecipientClass, RekeyOptions, Stanza, WrapError,
};

use serde_json::{Value, json};

use crate::support::Bench;

#[test]
fn a_trusted_publisher_makes_it_authentic() {
    let bench = Bench::signed();
    let verify = "verify net.ovseal --publisher acme.pub --name net --keyfile key";
    let id = bench.done(verify).stdout;
    let id = id.strip_prefix("authentic: signed by the trusted publisher ").unwrap();
    assert_eq!(&id[64..], "\nname: net\nsecurity version: 3\n");
    let facts = bench.json(verify);
    let expected = json!({
        "content_verified": true, "publisher": &id[..64], "claimed_publishers": [&id[..64]], "name": "net",
        "security_version": 3,
    });
    assert_eq!(facts, expected);
    bench.done("keygen --publisher -o other");
    bench.done("verify net.ovseal --publisher other.pub --publisher acme.pub --keyfile key");
}

#[test]
fn without_a_key_it_is_signed_and_its_content_not_verified() {
    let bench = Bench::signed();
    let shown = bench.done("verify net.ovseal --publisher acme.pub").stdout;
    let id = &shown.strip_prefix("signed by ").unwrap()[..64];
    let lines =
        format!("signed by {id}; the content was not verified, which needs a key\nsecurity version: 3\n");
    assert_eq!(shown, lines);
    for (options, publisher) in [("--publisher acme.pub", json!(id)), ("", Value::Null)] {
        let expected = json!({
            "content_verified": false, "publisher": publisher, "claimed_publishers": [id], "name": null,
            "security_version": 3,
        });
        assert_eq!(bench.json(&format!("verify net.ovseal {options}")), expected);
    }
}

#[test]
fn a_publisher_is_trusted_for_a_name_and_paths_may_have_colons() {
    let bench = Bench::signed();
    bench.done("verify net.ovseal --publisher acme.pub:net");
    let denied = bench.run("verify net.ovseal --publisher acme.pub:other");
    assert_eq!(denied.code, Some(5));
    let error = "ovseal: error: net.ovseal: a model with this name is not trusted from publisher ";
    assert!(denied.stderr.starts_with(error), "{denied:?}");
    bench.done("verify net.ovseal --publisher acme.pub:other --publisher acme.pub:net");
    bench.write("a:b.pub", &bench.read("acme.pub"));
    bench.done("verify net.ovseal --publisher a:b.pub");
    bench.done("verify net.ovseal --publisher a:b.pub:net");
    assert_eq!(bench.run("verify net.ovseal --publisher a:b.pub:other").code, Some(5));
    // Adding a file does not change who is trusted, or for which model.
    bench.write("acme.pub:net", &bench.read("acme.pub"));
    bench.fails(
        "verify net.ovseal --publisher acme.pub:net",
        2,
        &[
            "ovseal: error: --publisher acme.pub:net could mean more than one file",
            "ovseal: hint: rename the files so that PUB:NAME has only one meaning",
        ],
    );
    let missing = bench.run("verify net.ovseal --publisher none.pub:net");
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.starts_with("ovseal: error: cannot read none.pub:net: "), "{missing:?}");
}

#[test]
fn without_key_and_publisher_it_is_only_consistent_and_the_signer_not_trusted() {
    let outcome = Bench::signed().done("verify net.ovseal");
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!((lines[0], lines.len()), ("consistent, not authenticated", 2));
    assert!(lines[1].starts_with("claims to be signed by ") && lines[1].ends_with(": not trusted"));
}

#[test]
fn an_unsigned_container_cannot_be_verified_without_a_key() {
    let bench = Bench::sealed();
    bench.fails(
        "verify net.ovseal",
        2,
        &[
            "ovseal: error: the container is not signed, so it cannot be verified without a key",
            "ovseal: hint: give a key with -i F, -p, --passphrase-file F or --keyfile F",
        ],
    );
    let verified = bench.done("verify net.ovseal --keyfile key").stdout;
    let intact = "intact: made by someone who knows the key or its recipient\nnot signed\nname: net\n";
    assert_eq!(verified, format!("{intact}security version: 0\n"));
}

#[test]
fn an_unknown_publisher_is_denied() {
    let bench = Bench::signed();
    bench.done("keygen --publisher -o mallory");
    let hint = "ovseal: hint: ovseal inspect FILE shows who claims to have signed; \
                trust a key only if it comes from the publisher";
    let denied = "ovseal: error: net.ovseal: the container is not signed by a trusted publisher";
    for key in ["", "--keyfile key"] {
        bench.fails(&format!("verify net.ovseal --publisher mallory.pub {key}"), 5, &[denied, hint]);
    }
    bench.done("seal net.xml -o bare.ovseal --keyfile key");
    let unsigned = "ovseal: error: bare.ovseal: the container is not signed";
    bench.fails("verify bare.ovseal --publisher acme.pub", 5, &[unsigned, hint]);
}

#[test]
fn another_name_is_denied() {
    Bench::signed().fails(
        "verify net.ovseal --publisher acme.pub --name other",
        5,
        &[
            "ovseal: error: net.ovseal: the container does not contain the model \"other\"",
            "ovseal: hint: ovseal inspect FILE with a key option shows the name",
        ],
    );
}

#[test]
fn a_name_without_a_publisher_is_a_mistake() {
    Bench::signed().fails(
        "verify net.ovseal --name net",
        2,
        &[
            "ovseal: error: a required name, security version or rollback state needs a trusted publisher",
            "ovseal: hint: name the publisher's public key with --publisher PUB",
        ],
    );
}

#[test]
fn a_private_key_is_no_publisher_to_trust() {
    Bench::signed().fails(
        "verify net.ovseal --publisher acme.key",
        2,
        &[
            "ovseal: error: cannot use acme.key: \
             a publisher's public key is one or two PEM blocks, for Ed25519 and ML-DSA-65",
            "ovseal: hint: this is a private key: give the .pub file",
        ],
    );
}

#[test]
fn a_flipped_byte_of_the_payload_is_found_without_a_key() {
    let bench = Bench::signed();
    bench.flip("net.ovseal", 4096 + 65_536 + 4096);
    bench.fails(
        "verify net.ovseal --publisher acme.pub",
        3,
        &[
            "ovseal: error: net.ovseal: chunk 0 of part 1 is not authentic",
            "ovseal: hint: get the container again from its publisher",
        ],
    );
}

#[test]
fn a_flipped_byte_of_the_signature_is_not_authentic() {
    let bench = Bench::signed();
    let id = bench.done("verify net.ovseal --publisher acme.pub").stdout;
    let id = &id.strip_prefix("signed by ").unwrap()[..64];
    // Before the footer is the trailer's MAC, and before that the last signature.
    let length = bench.read("net.ovseal").len();
    bench.flip("net.ovseal", length - 256 - 64 - 20);
    bench.fails(
        "verify net.ovseal --publisher acme.pub",
        3,
        &[
            &format!("ovseal: error: net.ovseal: the signature of publisher {id} does not verify"),
            "ovseal: hint: get the container again from its publisher",
        ],
    );
}

/// A kind of key unknown to the command.
struct Foreign;

impl Recipient for Foreign {
    fn wrap(&self, _: &DataKey, _: &Context) -> Result<Stanza, WrapError> {
        Ok(Stanza::new("foreign", Vec::new(), |_| vec![1; 32])?)
    }

    fn class(&self) -> RecipientClass {
        RecipientClass::SymmetricOrLocal
    }
}

#[test]
fn stanzas_of_the_side_file_and_of_unknown_types_make_the_sender_unknown() {
    let warning = "ovseal: warning: the sender is unknown";
    let warns = |bench: &Bench| bench.done("verify net.ovseal --keyfile key").stderr.starts_with(warning);
    let key = KeyFile::from_bytes(&[0x2a; 32]).unwrap();
    let bench = Bench::sealed();
    assert!(!warns(&bench));
    let recipient = PublicKeyRecipient::parse(bench.done("keygen -o id.txt").stdout.trim_end()).unwrap();
    let options = RekeyOptions::new().add_recipient(&recipient);
    options.write_side_file(&bench.path("net.ovseal"), &[&key]).unwrap();
    assert!(warns(&bench));
    let bench = Bench::sealed();
    RekeyOptions::new().add_recipient(&Foreign).rekey(&bench.path("net.ovseal"), &[&key]).unwrap();
    assert!(warns(&bench));
}
