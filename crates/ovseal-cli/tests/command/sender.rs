//! The sender of a container: a specified publisher, anyone, or a holder of the shared secret.

use crate::support::Bench;

const HINT: &str = "ovseal: hint: name the publisher with --publisher PUB, or accept a container from anyone with --any-sender";

/// Commands that open `net.ovseal` with the identity in `id.txt`, or change its keys.
///
/// The key files do not exist: the sender is checked before any of them is read.
const LINES: [&str; 5] = [
    "run net.ovseal -i none",
    "extract net.ovseal --passphrase-file none --danger-write-plaintext out",
    "extract net.ovseal --danger-write-plaintext out",
    "rekey net.ovseal --keyfile none --add-keyfile key",
    "bind net.ovseal --keyfile none",
];

/// Seals `net.ovseal` to `id.txt`, signed with `acme.key`. Returns the publisher's key id.
fn for_a_public_key() -> (Bench, String) {
    let bench = Bench::new();
    let id = bench.done("keygen --publisher -o acme").stdout.trim().to_owned();
    bench.write("id.pub", bench.done("keygen -o id.txt").stdout.as_bytes());
    bench.done("seal net.xml -o net.ovseal -R id.pub --publisher-key acme.key");
    (bench, id)
}

#[test]
fn a_container_for_a_public_key_wants_a_publisher_or_any_sender_before_a_key_is_read() {
    let (bench, id) = for_a_public_key();
    let error = format!(
        "ovseal: error: net.ovseal: no publisher is named, and the container claims to be signed by {id}"
    );
    for line in LINES {
        bench.fails(line, 2, &[&error, HINT]);
    }
    bench.done("seal net.xml -o net.ovseal -R id.pub --force");
    let error = "ovseal: error: net.ovseal: no publisher is named, and the container is not signed";
    for line in LINES {
        bench.fails(line, 2, &[error, HINT]);
    }
}

#[test]
fn a_named_publisher_and_any_sender_open_and_rekey_without_a_warning() {
    let (bench, _) = for_a_public_key();
    for (sender, folder) in [("--publisher acme.pub", "named"), ("--any-sender", "any")] {
        let wrote =
            bench.done(&format!("extract net.ovseal -i id.txt {sender} --danger-write-plaintext {folder}"));
        assert!(!wrote.stderr.contains("signed") && !wrote.stderr.contains("sender"), "{wrote:?}");
        let rekeyed = bench.done(&format!("rekey net.ovseal -i id.txt {sender} --add-keyfile key"));
        assert!(rekeyed.stderr.starts_with("ovseal: added: keyfile"), "{rekeyed:?}");
    }
    bench.done("keygen --publisher -o other");
    let refused = bench.run("rekey net.ovseal -i id.txt --publisher other.pub --add-keyfile key");
    assert_eq!(refused.code, Some(5), "{refused:?}");
    let both = bench.run("verify net.ovseal --publisher acme.pub --any-sender");
    assert_eq!(both.code, Some(2), "{both:?}");
}

#[test]
fn a_container_for_passphrase_and_key_file_opens_and_is_reported_as_not_signed() {
    let bench = Bench::new();
    bench.write("words", b"correct horse");
    bench.done("keygen --publisher -o acme");
    let made = "anyone for whom the container was ever sealed or rekeyed could have made it";
    for (signing, what) in [("", "not signed"), ("--publisher-key acme.key", "signature not checked")] {
        bench.done(&format!(
            "seal net.xml -o net.ovseal --force --keyfile key --passphrase-file words {signing}"
        ));
        let warning = format!("ovseal: warning: {what}: {made}");
        for line in [
            "extract net.ovseal --passphrase-file words --force --danger-write-plaintext out",
            "rekey net.ovseal --keyfile key --add-keyfile net.key",
        ] {
            bench.write("net.key", &[9; 32]);
            let outcome = bench.done(line);
            assert_eq!(outcome.stderr.lines().next(), Some(&*warning), "{outcome:?}");
        }
    }
}

#[test]
fn an_added_public_key_ends_the_exception() {
    let bench = Bench::sealed();
    let recipient = bench.done("keygen -o id.txt").stdout;
    bench.done(&format!("rekey net.ovseal --keyfile key --add-recipient {}", recipient.trim_end()));
    let error = "ovseal: error: net.ovseal: no publisher is named, and the container is not signed";
    bench.fails("extract net.ovseal --keyfile key --danger-write-plaintext out", 2, &[error, HINT]);
    assert!(!bench.exists("out"));
}

#[test]
fn a_demand_needs_a_publisher_and_not_any_sender() {
    let bench = Bench::sealed();
    let refused =
        bench.run("extract net.ovseal --keyfile key --any-sender --name net --danger-write-plaintext out");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("needs a trusted publisher"), "{refused:?}");
}
