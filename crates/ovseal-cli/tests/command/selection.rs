//! Files that `ovseal seal` selects from a directory, lists, or must never overwrite.

use crate::support::Bench;

/// Creates a working directory `model` with `acme.key` in it.
fn cluttered() -> Bench {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("model/.git")).unwrap();
    bench.write("model/.git/config", b"token");
    bench.write("model/.env", b"PASSWORD=1");
    bench.write("model/net.xml", b"<net/>");
    bench.write("model/net.bin", &[3; 2048]);
    bench.write("model/config.json", b"{}");
    bench
}

#[test]
fn a_directory_is_listed_and_what_was_left_out_is_reported_in_one_line() {
    let bench = cluttered();
    let sealed = bench.done("seal model -o net.ovseal --keyfile key");
    let lines: Vec<&str> = sealed.stderr.lines().collect();
    assert_eq!(
        &lines[..4],
        [
            "ovseal: sealed config.json: file, 2 bytes",
            "ovseal: sealed net.bin: weights, 2.0 KiB",
            "ovseal: sealed net.xml: ir, 6 bytes",
            "ovseal: left out .env, .git",
        ]
    );
    assert!(
        lines[4].starts_with("ovseal: sealed 2.0 KiB in 3 parts and 1 stanza into net.ovseal"),
        "{lines:?}"
    );
}

#[test]
fn an_ir_and_its_weights_are_not_listed() {
    let sealed = Bench::new().done("seal net.xml -o net.ovseal --keyfile key");
    assert_eq!(sealed.stderr.lines().count(), 2, "{sealed:?}");
}

#[test]
fn a_dry_run_lists_what_would_be_sealed_and_writes_nothing() {
    let bench = cluttered();
    let before = bench.names(".");
    let run = bench.done("seal model --dry-run --exclude *.json --keyfile none");
    assert_eq!(run.stdout, "net.bin: weights, 2.0 KiB\nnet.xml: ir, 6 bytes\n");
    let told: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(told, ["ovseal: left out .env, .git, config.json", "ovseal: would seal 2.0 KiB in 2 parts"]);
    assert_eq!(bench.names("."), before);
    assert_eq!(bench.run("seal model --keyfile key").code, Some(2));
}

#[test]
fn everything_is_sealed_on_request_and_an_exclusion_still_applies() {
    let bench = cluttered();
    bench.write("model/.ovsealignore", b"config.json\n");
    let run = bench.done("seal model --dry-run --include-everything --exclude .git");
    let names: Vec<&str> = run.stdout.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(names, [".env", ".ovsealignore", "config.json", "net.bin", "net.xml"]);
    assert_eq!(run.stderr.lines().next(), Some("ovseal: left out .git"));
    let usual = bench.done("seal model --dry-run");
    assert_eq!(usual.stdout.lines().count(), 2, "{usual:?}");
}

#[test]
fn whatever_is_given_as_a_key_or_a_list_is_not_sealed() {
    let bench = cluttered();
    bench.write("model/words", b"correct horse");
    bench.write("model/list", bench.done("keygen -o id.txt").stdout.as_bytes());
    std::fs::hard_link(bench.path("model/words"), bench.path("pin")).unwrap();
    let hint = "ovseal: hint: move it out of the model's directory, or leave it out with --exclude";
    for (options, file) in [
        ("--passphrase-file model/words", "words"),
        ("--passphrase-file pin", "words"),
        ("-R model/list", "list"),
        ("--keyfile model/net.bin", "net.bin"),
        ("-R model/list --include-everything", "list"),
    ] {
        let error = format!(
            "ovseal: error: model/{file} was given as a key or as a list of recipients, and must not be sealed"
        );
        bench.fails(&format!("seal model -o net.ovseal {options}"), 2, &[&error, hint]);
        bench.fails(&format!("seal model --dry-run {options}"), 2, &[&error, hint]);
    }
    bench.done("seal model -o net.ovseal --passphrase-file model/words --exclude words");
}

#[test]
fn private_keys_in_a_directory_are_refused_and_not_shown() {
    let bench = cluttered();
    bench.done("keygen --publisher -o acme");
    let hint = "ovseal: hint: move it out of the model's directory, or leave it out with --exclude; --dry-run lists what \
                would be sealed";
    let lines =
        [("acme.key", "a PEM private key"), ("id.txt", "an identity file as written by keygen or age")];
    bench.done("keygen -o id.txt");
    for (file, words) in lines {
        std::fs::copy(bench.path(file), bench.path("model/notes")).unwrap();
        let error = format!("ovseal: error: model/notes is {words}");
        bench.fails("seal model -o net.ovseal --keyfile key", 2, &[&error, hint]);
    }
    bench.done("seal model -o net.ovseal --keyfile key --exclude notes");
}

#[test]
fn force_replaces_containers_only_and_never_a_key() {
    let bench = Bench::sealed();
    let hint = "ovseal: hint: give the container a different name with -o";
    let error = "ovseal: error: the output is a file from which a key was read";
    bench.fails("seal net.xml -o key --force --keyfile key", 2, &[error, hint]);
    assert_eq!(bench.read("key"), [0x2a; 32]);
    bench.write("precious", b"precious");
    std::os::unix::fs::symlink("net.ovseal", bench.path("link")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(bench.path("pipe")).status().unwrap().success());
    let hint = "ovseal: hint: remove it first, or give the container a different name with -o";
    for (output, what) in
        [("precious", "another file"), ("link", "a symbolic link"), ("pipe", "a pipe or a device")]
    {
        let error = format!("ovseal: error: {output}: only a container can be replaced, not {what}");
        bench.fails(&format!("seal net.xml -o {output} --force --keyfile key"), 2, &[&error, hint]);
    }
    assert_eq!(bench.read("precious"), b"precious");
    bench.done("seal net.xml -o net.ovseal --force --keyfile key");
}

#[test]
fn links_and_pipes_are_outputs_of_no_command() {
    let bench = Bench::sealed();
    std::os::unix::fs::symlink("net.ovseal", bench.path("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", bench.path("dangling")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(bench.path("pipe")).status().unwrap().success());
    for output in ["link", "dangling", "pipe"] {
        for line in [
            format!("seal net.xml -o {output} --keyfile key"),
            format!("keygen -o {output}"),
            format!("keygen --keyfile -o {output}"),
        ] {
            assert_eq!(bench.run(&line).code, Some(2), "{line}");
        }
    }
    let hint = "ovseal: hint: give the path of the container itself; readlink -f shows where a link points";
    for (file, what) in [("link", "a symbolic link"), ("pipe", "a pipe or a device")] {
        let error = format!("ovseal: error: {file} is {what}; only a regular file can be rekeyed");
        bench.fails(
            &format!("rekey {file} --any-sender --keyfile key --add-keyfile key"),
            2,
            &[&error, hint],
        );
    }
    assert!(bench.path("dangling").is_symlink() && !bench.exists("nowhere"));
}
