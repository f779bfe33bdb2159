//! `ovseal rekey`.

use crate::support::Bench;

#[test]
fn an_added_key_opens_and_a_removed_one_does_not() {
    let bench = Bench::sealed();
    bench.write("second", &[9; 32]);
    let added = bench.done("rekey net.ovseal --keyfile key --any-sender --add-keyfile second");
    assert_eq!(added.stderr, "ovseal: rekeyed: generation 2 with 2 stanzas\n");
    bench.done("verify net.ovseal --keyfile second");
    let removed = bench.done("rekey net.ovseal --keyfile second --any-sender --remove 1");
    let warning = removed.stderr.lines().nth(1).unwrap();
    assert!(warning.starts_with("ovseal: warning: removing a stanza does not revoke"), "{removed:?}");
    bench.done("verify net.ovseal --keyfile second");
    let hint = "ovseal: hint: the container holds these kinds of key: keyfile (--keyfile F)";
    let error = "ovseal: error: net.ovseal: the key file does not open the container";
    bench.fails("verify net.ovseal --keyfile key", 4, &[error, hint]);
}

#[test]
fn recipients_and_passphrases_are_added() {
    let bench = Bench::sealed();
    let recipient = bench.done("keygen -o id.txt").stdout;
    bench.write("words", b"correct horse");
    let options = format!("--add-recipient {} --add-passphrase-file words", recipient.trim_end());
    bench.done(&format!("rekey net.ovseal --keyfile key {options}"));
    bench.done("verify net.ovseal -i id.txt");
    bench.done("verify net.ovseal --passphrase-file words");
}

#[test]
fn stanzas_are_counted_from_one() {
    let bench = Bench::sealed();
    let hint = "ovseal: hint: ovseal inspect FILE shows the stanzas, counted from 1";
    let line = "rekey net.ovseal --keyfile key --remove 2";
    bench.fails(line, 2, &["ovseal: error: the container has no stanza 2", hint]);
    assert_eq!(bench.run("rekey net.ovseal --keyfile key --remove 0").code, Some(2));
}

#[test]
fn the_last_stanza_stays() {
    let bench = Bench::sealed();
    let before = bench.read("net.ovseal");
    bench.fails(
        "rekey net.ovseal --keyfile key --remove 1",
        2,
        &[
            "ovseal: error: no stanza would be left: nobody could open the container",
            "ovseal: hint: add another key with --add-recipient, --add-passphrase-file or --add-keyfile",
        ],
    );
    assert_eq!(bench.read("net.ovseal"), before);
}

#[test]
fn something_must_change() {
    let outcome = Bench::sealed().run("rekey net.ovseal --keyfile key");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
    assert!(outcome.stderr.starts_with("ovseal: error: the following required arguments were not provided"));
}
