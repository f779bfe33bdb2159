//! Secrets in the wrong place, in files that others can read, and in memory that cannot be locked.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use crate::support::Bench;

const HINT: &str = "ovseal: hint: put it into a file that only you can read, and give that file, - or fd:N; it is now in your shell history and was visible in the process list, so consider a new one";

#[test]
fn a_secret_in_the_place_of_a_path_is_refused_and_never_repeated() {
    let bench = Bench::sealed();
    bench.done("keygen --publisher -o acme");
    bench.done("keygen -o id.txt");
    let file = String::from_utf8(bench.read("id.txt")).unwrap();
    let identity = file.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
    let (digits, base64) = ("0aF9".repeat(16), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    for (secret, what) in
        [(identity, "an identity"), (&*digits, "what looks like a key"), (base64, "what looks like a key")]
    {
        let error = format!("ovseal: error: {what} was given instead of the path of its file");
        for line in [
            format!("verify net.ovseal -i {secret}"),
            format!("verify net.ovseal --keyfile {secret}"),
            format!("verify net.ovseal --passphrase-file {secret}"),
            format!("verify net.ovseal --keyfile key --publisher {secret}"),
            format!("extract net.ovseal -i {secret} --danger-write-plaintext out"),
            format!("rekey net.ovseal --keyfile key --add-keyfile {secret}"),
            format!("rekey net.ovseal --keyfile key --add-passphrase-file {secret}"),
            format!("seal net.xml -o new.ovseal --keyfile {secret}"),
            format!("seal net.xml -o new.ovseal -R {secret}"),
            format!("seal net.xml -o new.ovseal --keyfile key --publisher-key {secret}"),
        ] {
            bench.fails(&line, 2, &[&error, HINT]);
        }
    }
}

#[test]
fn an_identity_as_any_other_argument_is_not_repeated() {
    let bench = Bench::sealed();
    let secret = "AGE-SECRET-KEY-1QQQQ";
    for line in [
        format!("verify {secret} --keyfile key"),
        format!("verify net.ovseal {secret}"),
        format!("run {secret}"),
        format!("seal {secret} -o new.ovseal --keyfile key"),
        format!("keygen -o none/{secret}"),
        format!("inspect net.ovseal --keyfile key --name {secret} --publisher key"),
    ] {
        let outcome = bench.run(&line);
        assert_ne!(outcome.code, Some(0), "{outcome:?}");
        assert!(!format!("{outcome:?}").contains("QQQQ"), "{outcome:?}");
    }
}

#[test]
fn a_file_is_not_taken_for_a_key_because_of_its_name() {
    let (bench, name) = (Bench::new(), "0aF9".repeat(16));
    bench.write(&name, &[0x2a; 32]);
    bench.done(&format!("seal net.xml -o net.ovseal --keyfile {name}"));
}

#[test]
fn a_key_that_others_can_read_is_used_with_a_warning() {
    let bench = Bench::sealed();
    bench.done("keygen -o id.txt");
    let warning = |file: &str, mode: &str| {
        format!("ovseal: warning: {file} can be accessed by other users (mode {mode}): chmod 600 {file}")
    };
    for (mode, text) in [(0o644, "644"), (0o640, "640")] {
        bench.write("words", b"correct horse");
        for file in ["key", "words"] {
            std::fs::set_permissions(bench.path(file), Permissions::from_mode(mode)).unwrap();
        }
        let sealed = bench.done("seal net.xml -o net.ovseal --force --keyfile key --passphrase-file words");
        let lines: Vec<&str> = sealed.stderr.lines().take(2).collect();
        assert_eq!(lines, [warning("key", text), warning("words", text)]);
        let opened = bench.done("verify net.ovseal --keyfile key");
        assert_eq!(opened.stderr, format!("{}\n", warning("key", text)));
    }
    std::fs::set_permissions(bench.path("key"), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(bench.done("verify net.ovseal --keyfile key").stderr, "");
}

#[test]
fn keys_that_cannot_be_locked_are_used_with_one_warning() {
    let bench = Bench::sealed();
    // Root may lock any amount of memory unless it drops that capability.
    let run = |limit: &str| {
        bench.script(&format!(
            "ulimit -l {limit} && exec setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock \
             \"$OVSEAL\" rekey net.ovseal --keyfile key --add-keyfile key"
        ))
    };
    let warning = "ovseal: warning: keys are not locked in memory and may be swapped to disk: raise the limit, ulimit -l";
    let unlocked = run("0");
    assert_eq!(unlocked.code, Some(0), "{unlocked:?}");
    assert_eq!(unlocked.stderr.lines().filter(|line| *line == warning).count(), 1, "{unlocked:?}");
}
