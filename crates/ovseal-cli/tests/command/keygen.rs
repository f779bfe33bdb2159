//! `ovseal keygen`.

use crate::support::Bench;

#[test]
fn an_identity_is_private_and_its_recipient_is_printed() {
    let bench = Bench::new();
    let outcome = bench.done("keygen -o id.txt");
    let recipient = outcome.stdout.trim_end();
    assert!(recipient.starts_with("age1pq1") && !recipient.contains('\n'));
    assert_eq!(outcome.stderr, "ovseal: wrote id.txt: keep it secret\n");
    let text = String::from_utf8(bench.read("id.txt")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], format!("# public key: {recipient}"));
    assert!(lines[1].starts_with("AGE-SECRET-KEY-PQ-1") && lines.len() == 2);
    assert_eq!(bench.mode("id.txt"), 0o600);
}

#[test]
fn a_container_for_a_recipient_is_opened_by_its_identity() {
    let bench = Bench::new();
    let recipient = bench.done("keygen -o id.txt").stdout;
    bench.write("recipients.txt", format!("# devices\n\n{recipient}").as_bytes());
    bench.done("seal net.xml -o file.ovseal -R recipients.txt");
    bench.done(&format!("seal net.xml -o argument.ovseal -r {recipient}"));
    for container in ["file.ovseal", "argument.ovseal"] {
        let verified = bench.done(&format!("verify {container} -i id.txt"));
        assert!(verified.stdout.starts_with("intact: "), "{verified:?}");
    }
}

#[test]
fn a_publisher_has_a_private_and_a_public_file_and_its_key_id_is_printed() {
    let bench = Bench::new();
    let outcome = bench.shell("umask 027", "keygen --publisher -o acme", "");
    assert_eq!((outcome.code, outcome.stdout.trim_end().len()), (Some(0), 64), "{outcome:?}");
    assert_eq!((bench.mode("acme.key"), bench.mode("acme.pub")), (0o600, 0o640));
    assert!(bench.read("acme.key").starts_with(b"-----BEGIN PRIVATE KEY-----"));
    assert!(bench.read("acme.pub").starts_with(b"-----BEGIN PUBLIC KEY-----"));
}

#[test]
fn a_key_file_has_32_bytes_and_nothing_is_printed() {
    let bench = Bench::new();
    assert_eq!(bench.done("keygen --keyfile -o fresh").stdout, "");
    assert_eq!((bench.read("fresh").len(), bench.mode("fresh")), (32, 0o600));
}

#[test]
fn an_existing_file_is_never_replaced() {
    let bench = Bench::new();
    for (line, name) in [
        ("keygen -o taken", "taken"),
        ("keygen --keyfile -o taken", "taken"),
        ("keygen --publisher -o acme", "acme.pub"),
    ] {
        bench.write(name, b"precious");
        bench.fails(line, 2, &[&format!("ovseal: error: {name} already exists")]);
        assert_eq!(bench.read(name), b"precious");
    }
    assert!(!bench.exists("acme.key"));
}

#[test]
fn a_directory_that_is_not_there_is_reported_without_the_name_of_a_temporary_file() {
    let error = "ovseal: error: cannot write none/id.txt: No such file or directory (os error 2)";
    Bench::new().fails("keygen -o none/id.txt", 1, &[error, "ovseal: hint: create the directory first"]);
}

#[test]
fn keys_are_not_written_to_stdout() {
    let bench = Bench::new();
    let hint = "ovseal: hint: for a file named -, write ./-";
    bench.fails("keygen -o -", 2, &["ovseal: error: the output must be a file", hint]);
}
