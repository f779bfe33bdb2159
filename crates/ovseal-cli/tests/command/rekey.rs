//! `ovseal rekey`.

use crate::support::Bench;

#[test]
fn an_added_key_opens_and_a_removed_one_does_not() {
    let bench = Bench::sealed();
    bench.write("second", &[9; 32]);
    let added = bench.done("rekey net.ovseal --keyfile key --any-sender --add-keyfile second");
    let lines = "ovseal: added: keyfile, which needs the key file\n\
                 ovseal: rekeyed: generation 2 with 2 stanzas\n";
    assert_eq!(added.stderr, lines);
    bench.done("verify net.ovseal --keyfile second");
    let removed = bench.done("rekey net.ovseal --keyfile second --any-sender --remove 1");
    let lines: Vec<&str> = removed.stderr.lines().collect();
    assert_eq!(lines[0], "ovseal: removed: keyfile, which needs the key file");
    let warning = lines[2];
    assert!(warning.starts_with("ovseal: warning: removing a stanza does not revoke"), "{removed:?}");
    bench.done("verify net.ovseal --keyfile second");
    let hint = "ovseal: hint: the container accepts these kinds of key: keyfile (--keyfile F)";
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
            "ovseal: error: the last stanza cannot be removed: no key would open the container",
            "ovseal: hint: add another key with --add-recipient, --add-passphrase-file or --add-keyfile",
        ],
    );
    assert_eq!(bench.read("net.ovseal"), before);
}

/// Creates a container of generation 1 and, next to it, the stanzas of a copy with another key.
fn planted() -> Bench {
    let bench = Bench::sealed();
    bench.write("second", &[9; 32]);
    bench.write("copy.ovseal", &bench.read("net.ovseal"));
    bench.done("rekey copy.ovseal --keyfile key --add-keyfile second");
    let copy = bench.read("copy.ovseal");
    let head = [b"\x89OVREKY\n\0\x01\0\0\0\0\0\0", &copy[32..64]].concat();
    let mut plant = [&head[..], &copy[4096..4096 + 65_536]].concat();
    let checksum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &plant);
    plant.extend_from_slice(checksum.as_ref());
    bench.write("net.ovseal.rekey", &plant);
    bench
}

#[test]
fn stanzas_that_wait_are_shown_and_not_taken_over() {
    let bench = planted();
    bench.write("third", &[3; 32]);
    let before = bench.read("net.ovseal");
    let path = bench.path("net.ovseal.rekey").canonicalize().unwrap();
    let error = format!(
        "ovseal: error: {} holds other stanzas: generation 2 (keyfile, keyfile); the container has generation 1 (keyfile)",
        path.display()
    );
    let hint = "ovseal: hint: remove that file with --discard-waiting; adopt its stanzas with --finish-waiting only if you know where it comes from";
    bench.fails("rekey net.ovseal --keyfile key --add-keyfile third", 3, &[&error, hint]);
    assert_eq!(bench.read("net.ovseal"), before);
    bench.done("verify net.ovseal --keyfile second");
}

#[test]
fn the_caller_decides_what_becomes_of_stanzas_that_wait() {
    let bench = planted();
    let discarded = bench.done("rekey net.ovseal --keyfile key --any-sender --discard-waiting");
    assert_eq!(discarded.stderr, "ovseal: rekeyed: generation 1 with 1 stanza\n");
    assert!(!bench.exists("net.ovseal.rekey"));
    assert_eq!(bench.run("verify net.ovseal --keyfile second").code, Some(4));
    let bench = planted();
    let finished = bench.done("rekey net.ovseal --keyfile key --any-sender --finish-waiting");
    let lines = "ovseal: added: keyfile, which needs the key file\n\
                 ovseal: rekeyed: generation 2 with 2 stanzas\n";
    assert_eq!(finished.stderr, lines);
    assert!(!bench.exists("net.ovseal.rekey"));
    bench.done("verify net.ovseal --keyfile second");
    // The numbers of stanzas to remove refer to the container before the change.
    for options in ["--discard-waiting --finish-waiting", "--finish-waiting --remove 1"] {
        assert_eq!(bench.run(&format!("rekey net.ovseal --keyfile key {options}")).code, Some(2));
    }
}

#[test]
fn something_must_change() {
    let outcome = Bench::sealed().run("rekey net.ovseal --keyfile key");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
    assert!(outcome.stderr.starts_with("ovseal: error: the following required arguments were not provided"));
}
