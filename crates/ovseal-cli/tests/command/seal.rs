//! `ovseal seal`.

use std::os::unix::fs::symlink;

use crate::support::Bench;

/// A classical recipient: that of the public age test suite (C2SP CCTV).
const CLASSICAL: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

#[test]
fn an_ir_is_sealed_with_its_weights_and_a_summary_is_given() {
    let bench = Bench::new();
    let outcome = bench.done("seal net.xml -o net.ovseal --keyfile key");
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(lines[0], "ovseal: sealed 293.0 KiB in 2 parts and 1 stanza into net.ovseal (368.7 KiB)");
    assert!(lines[1].starts_with("ovseal: warning: the container is not signed"));
    assert_eq!((lines.len(), outcome.stdout.as_str()), (2, ""));
    assert!(bench.done("inspect net.ovseal --keyfile key").stdout.contains("weights   293.0 KiB  net.bin"));
}

#[test]
fn a_signed_container_is_sealed_without_a_warning() {
    let bench = Bench::signed();
    let again = "seal net.xml -o again.ovseal --keyfile key --publisher-key acme.key --suite 2";
    let outcome = bench.done(again);
    assert!(
        outcome.stderr.ends_with("ovseal: signed by its publisher\n") && !outcome.stderr.contains("warning")
    );
    assert!(bench.done("inspect again.ovseal").stdout.contains("suite:             2\n"));
}

#[test]
fn only_the_named_file_is_sealed_with_only() {
    let bench = Bench::new();
    bench.done("seal net.xml -o net.ovseal --keyfile key --only --name other");
    let shown = bench.done("inspect net.ovseal --keyfile key").stdout;
    assert!(shown.contains("name:              other\n") && !shown.contains("net.bin"), "{shown}");
}

#[test]
fn a_missing_bin_is_named_with_its_topology() {
    let bench = Bench::new();
    std::fs::remove_file(bench.path("net.bin")).unwrap();
    bench.fails(
        "seal net.xml -o net.ovseal --keyfile key",
        1,
        &[
            "ovseal: error: net.xml needs net.bin, which is missing",
            "ovseal: hint: put the file next to its topology, or seal the topology alone with --only",
        ],
    );
    bench.fails(
        "seal absent.xml -o net.ovseal --keyfile key",
        1,
        &["ovseal: error: cannot read absent.xml: No such file or directory (os error 2)"],
    );
    assert!(!bench.exists("net.ovseal"));
}

#[test]
fn an_existing_output_is_replaced_only_with_force() {
    let bench = Bench::sealed();
    let before = bench.read("net.ovseal");
    let line = "seal net.xml -o net.ovseal --keyfile key";
    let hint = "ovseal: hint: replace it with --force";
    bench.fails(line, 2, &["ovseal: error: net.ovseal already exists", hint]);
    assert_eq!(bench.read("net.ovseal"), before);
    bench.done(&format!("{line} --force"));
    assert_ne!(bench.read("net.ovseal"), before);
    bench.done("verify net.ovseal --keyfile key");
}

#[test]
fn a_file_of_the_model_is_never_the_output() {
    let bench = Bench::new();
    for output in ["net.bin", "./net.xml"] {
        bench.fails(
            &format!("seal net.xml -o {output} --keyfile key --force"),
            2,
            &[
                "ovseal: error: the output is a file of the model",
                "ovseal: hint: give the container a different name with -o",
            ],
        );
    }
    assert_eq!(bench.read("net.bin"), [7; 300_000]);
}

#[test]
fn a_symbolic_link_in_a_directory_is_followed_only_when_allowed() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("model")).unwrap();
    symlink(bench.path("net.bin"), bench.path("model/link")).unwrap();
    bench.fails(
        "seal model -o net.ovseal --keyfile key",
        2,
        &[
            "ovseal: error: model/link is a symbolic link",
            "ovseal: hint: seal what it points to with --follow-symlinks",
        ],
    );
    bench.done("seal model -o net.ovseal --keyfile key --follow-symlinks");
    assert!(bench.done("inspect net.ovseal --keyfile key").stdout.contains("293.0 KiB  link"));
}

#[test]
fn post_quantum_and_classical_recipients_are_mixed_only_when_told() {
    let bench = Bench::new();
    let recipient = bench.done("keygen -o id.txt").stdout;
    let line = format!("seal net.xml -o net.ovseal -r {CLASSICAL} -r {}", recipient.trim_end());
    let refused = bench.run(&line);
    let lines: Vec<&str> = refused.stderr.lines().collect();
    assert_eq!(lines[0], "ovseal: error: post-quantum and classical public keys are mixed");
    assert!(lines[1].contains("--allow-mixed") && refused.code == Some(2), "{refused:?}");
    assert!(!bench.exists("net.ovseal"));
    bench.done(&format!("{line} --allow-mixed"));
    let shown = bench.done("inspect net.ovseal").stdout;
    assert!(shown.contains("  1   x25519      not post-quantum\n  2   x-wing\n"), "{shown}");
}

#[test]
fn at_least_one_key_is_needed() {
    let hint = "ovseal: hint: give at least one of -r RECIPIENT, -R F, -p, --passphrase-file F, --keyfile F";
    let bench = Bench::new();
    bench.fails("seal net.xml -o net.ovseal", 2, &["ovseal: error: no recipient", hint]);
}

#[test]
fn an_identity_in_place_of_a_recipient_is_not_repeated() {
    let bench = Bench::new();
    let outcome = bench.run("seal net.xml -o net.ovseal -r AGE-SECRET-KEY-PQ-1HUNTER2");
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.starts_with("ovseal: error: an identity was given instead of a recipient\n"));
    assert!(!outcome.stderr.contains("HUNTER2"));
}

#[test]
fn a_typing_error_in_a_recipients_file_is_found_by_its_line() {
    let bench = Bench::new();
    bench.write("recipients.txt", b"# one\nage1typo\n");
    let sentence = "ovseal: error: cannot use line 2 of recipients.txt: \
                    not a recipient: it has a typo, or does not begin with age1 or age1pq1";
    bench.fails("seal net.xml -o net.ovseal -R recipients.txt", 2, &[sentence]);
}

#[test]
fn an_unwritable_output_is_named() {
    let bench = Bench::new();
    let outcome = bench.run("seal net.xml -o absent/net.ovseal --keyfile key");
    let error = "ovseal: error: absent/net.ovseal: cannot write the container: No such file or directory";
    assert!(outcome.stderr.starts_with(error), "{outcome:?}");
    assert!(outcome.stderr.ends_with("\novseal: hint: create the directory first\n"), "{outcome:?}");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
}
