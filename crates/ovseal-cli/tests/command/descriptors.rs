//! Secrets through stdin and open descriptors.

use crate::support::Bench;

#[test]
fn a_key_is_read_from_stdin() {
    let bench = Bench::sealed();
    assert_eq!(bench.run_with("verify net.ovseal --keyfile -", &[0x2a; 32]).code, Some(0));
    let wrong = bench.run_with("verify net.ovseal --keyfile -", &[0; 32]);
    assert_eq!(wrong.code, Some(4), "{wrong:?}");
}

#[test]
fn a_key_is_read_from_a_descriptor() {
    let bench = Bench::sealed();
    for name in ["fd:3", "/dev/fd/3"] {
        let line = format!("verify net.ovseal --keyfile {name}");
        let file = bench.shell("", &line, "3<key");
        assert_eq!(file.code, Some(0), "{file:?}");
        let pipe = bench.shell("", &format!("{line} 3<&0 </dev/null"), "");
        assert_eq!(pipe.code, Some(2), "an empty descriptor is no key: {pipe:?}");
    }
}

#[test]
fn a_key_is_read_from_a_pipe_on_a_descriptor() {
    let bench = Bench::sealed();
    let pipe = bench.shell("cat key | {", "verify net.ovseal --keyfile fd:5", "5<&0 </dev/null\n}");
    assert_eq!(pipe.code, Some(0), "{pipe:?}");
}

#[test]
fn every_kind_of_secret_is_read_from_stdin() {
    let bench = Bench::new();
    bench.done("keygen -o id.txt");
    bench.done("keygen --publisher -o acme");
    let signing =
        bench.run_with("seal net.xml -o a.ovseal --keyfile key --publisher-key -", &bench.read("acme.key"));
    assert_eq!(signing.code, Some(0), "{signing:?}");
    let words = bench.run_with("seal net.xml -o b.ovseal --passphrase-file -", b"correct horse\r\n");
    assert_eq!(words.code, Some(0), "{words:?}");
    bench.write("words", b"correct horse");
    bench.done("verify b.ovseal --passphrase-file words");
    let text = String::from_utf8(bench.read("id.txt")).unwrap();
    let recipient = text.lines().next().unwrap().strip_prefix("# public key: ").unwrap().to_owned();
    let recipients = bench.run_with("seal net.xml -o c.ovseal -R -", recipient.as_bytes());
    assert_eq!(recipients.code, Some(0), "{recipients:?}");
    let identity = bench.run_with("verify c.ovseal -i -", text.as_bytes());
    assert_eq!(identity.code, Some(0), "{identity:?}");
}

#[test]
fn only_one_secret_is_read_from_stdin() {
    let bench = Bench::new();
    let outcome = bench.run_with("seal net.xml -o net.ovseal --keyfile - --passphrase-file -", &[1; 32]);
    outcome.is_failure(
        2,
        &[
            "ovseal: error: only one key can be read from stdin",
            "ovseal: hint: give the others as files, or as open descriptors fd:N",
        ],
    );
}

#[test]
fn a_descriptor_that_is_not_open_is_named() {
    let error = "ovseal: error: cannot read descriptor 77: Bad file descriptor (os error 9)";
    Bench::sealed().fails("verify net.ovseal --keyfile fd:77", 1, &[error]);
}
