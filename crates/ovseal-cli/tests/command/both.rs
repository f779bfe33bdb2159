//! Stanzas that require both the TPM and the passphrase.

use crate::device::Device;
use crate::support::Bench;

/// A device, and a directory with the passphrase in the file `words`.
fn enrolled() -> (Bench, Device, String) {
    let (bench, device) = (Bench::sealed(), Device::new("d"));
    bench.write("words", b"correct horse battery staple\n");
    bench.write("wrong", b"incorrect horse\n");
    let recipient = device.enroll(&bench, "");
    (bench, device, recipient)
}

/// Asserts that the container opens with both keys, and the errors with only one of them.
fn assert_needs_both(bench: &Bench, device: &Device, container: &str) {
    let inspect = format!("inspect {container} {}", device.options());
    bench.done(&format!("{inspect} --tpm --passphrase-file words"));
    let error = |options: &str, message: &str, hint: &str| {
        let refused = bench.run(&format!("{inspect} {options}"));
        let lines: Vec<&str> = refused.stderr.lines().take(2).collect();
        let expected = [format!("ovseal: error: {message}"), format!("ovseal: hint: {hint}")];
        assert_eq!((refused.code, lines), (Some(4), expected.iter().map(String::as_str).collect()));
    };
    let give = "also give the passphrase: --tpm with -p or --passphrase-file F";
    let missing = "the passphrase is missing: the container requires it together with the TPM";
    error("--tpm", &format!("{container}: {missing}"), give);
    error(
        "--passphrase-file words",
        &format!(
            "{container}: the device's TPM is missing: the container requires it together with the passphrase"
        ),
        "on the device, add --tpm to the passphrase",
    );
    error(
        "--tpm --passphrase-file wrong",
        &format!(
            "{container}: the hardware refused to use the identity: the passphrase is wrong, or the stanza is \
             damaged"
        ),
        "if the passphrase is right, get the container again from its publisher",
    );
    error(
        "--tpm --passphrase-file words --kdf-limit 255",
        &format!(
            "{container}: no key fits; a passphrase stanza was skipped: it requires key derivation of 256 MiB (memory \
             times passes), and the limit is 255 MiB"
        ),
        "if you trust the container's origin, raise --kdf-limit to 256",
    );
    // Without a key, the device's own key is tried, and there is no terminal to ask for the
    // passphrase.
    let refused = bench.run(&format!("verify {container} {}", device.options()));
    assert_eq!(refused.code, Some(2), "not signed: {refused:?}");
    let refused = bench
        .run(&format!("extract {container} --any-sender --danger-write-plaintext . {}", device.options()));
    let lines: Vec<&str> = refused.stderr.lines().collect();
    assert_eq!(
        (refused.code, &lines[..]),
        (Some(4), &[&*format!("ovseal: error: {missing}"), &*format!("ovseal: hint: {give}")][..])
    );
}

#[test]
fn what_is_sealed_to_a_device_and_a_passphrase_needs_both() {
    let (bench, device, recipient) = enrolled();
    let other = Device::new("o");
    other.enroll(&bench, "");
    bench.done(&format!(
        "seal net.xml -o both.ovseal -r {recipient} --require tpm2+passphrase --passphrase-file words"
    ));
    assert_needs_both(&bench, &device, "both.ovseal");
    let elsewhere =
        bench.run(&format!("inspect both.ovseal --tpm --passphrase-file words {}", other.options()));
    let error = "ovseal: error: both.ovseal: the container is not bound to this device and a passphrase";
    assert_eq!((elsewhere.code, elsewhere.stderr.lines().next()), (Some(4), Some(error)));
    let id = device.status(&bench)["device"].as_str().unwrap()[..16].to_owned();
    let shown = bench.done("inspect both.ovseal").stdout;
    let line = format!("  1   tpm2-passphrase not post-quantum; the TPM of device {id}, and the passphrase");
    assert!(shown.lines().any(|shown| shown == line), "{shown}");
}

/// Returns the error of inspecting a container with one of the two keys.
fn refusal(bench: &Bench, device: &Device, container: &str, key: &str) -> String {
    let refused = bench.run(&format!("inspect {container} {key} {}", device.options()));
    assert_eq!(refused.code, Some(4), "{refused:?}");
    let error = refused.stderr.lines().next().unwrap();
    error.strip_prefix(&format!("ovseal: error: {container}: ")).unwrap().to_owned()
}

#[test]
fn what_is_missing_is_reported_on_the_device_that_needs_both_and_on_no_other() {
    let (bench, here, recipient) = enrolled();
    let there = Device::new("o");
    let other = there.enroll(&bench, "");
    let both = |container: &str, options: &str, recipient: &str| {
        bench.done(&format!("seal net.xml -o {container} --keyfile key {options}"));
        bench.done(&format!(
            "rekey {container} --any-sender --keyfile key --add-recipient {recipient} --require tpm2+passphrase \
             --add-passphrase-file words"
        ));
    };
    both("theirs.ovseal", "", &other);
    let not_bound = "the container is neither bound to this device nor sealed to its recipient";
    assert_eq!(refusal(&bench, &here, "theirs.ovseal", "--tpm"), not_bound);
    let no_such_kind = "the container does not accept this kind of key";
    assert_eq!(refusal(&bench, &here, "theirs.ovseal", "--passphrase-file words"), no_such_kind);
    both("ours.ovseal", &format!("-r {other}"), &recipient);
    let passphrase = "the passphrase is missing: the container requires it together with the TPM";
    assert_eq!(refusal(&bench, &here, "ours.ovseal", "--tpm"), passphrase);
    both("passphrase.ovseal", "--passphrase-file words", &other);
    assert_eq!(refusal(&bench, &here, "passphrase.ovseal", "--passphrase-file wrong"), "wrong passphrase");
    let tpm = "the device's TPM is missing: the container requires it together with the passphrase";
    assert_eq!(refusal(&bench, &there, "passphrase.ovseal", "--passphrase-file wrong"), tpm);
}

#[test]
fn a_container_is_bound_and_rekeyed_to_a_device_and_a_passphrase() {
    let (bench, device, recipient) = enrolled();
    bench.done("seal net.xml -o rekeyed.ovseal --keyfile key");
    let bind = format!(
        "bind net.ovseal --any-sender --keyfile key --require tpm2+passphrase --new-passphrase-file words {}",
        device.options()
    );
    bench.done(&bind);
    bench.done(&format!(
        "rekey rekeyed.ovseal --keyfile key --add-recipient {recipient} --require tpm2+passphrase --add-passphrase-file words"
    ));
    for container in ["net.ovseal", "rekeyed.ovseal"] {
        assert_needs_both(&bench, &device, container);
    }
    // There can be at most one such stanza per device.
    let again = bench.run(&bind);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("one for each device that also needs a passphrase"), "{again:?}");
    bench.done(&format!("{bind} --side-file"));
    assert_needs_both(&bench, &device, "net.ovseal");
}

#[test]
fn demands_that_make_no_sense_are_usage_errors() {
    let (bench, device, recipient) = enrolled();
    let seal = "seal net.xml -o both.ovseal --require tpm2+passphrase";
    for line in [
        format!("{seal} -r {recipient}"),
        format!("{seal} --keyfile key --passphrase-file words"),
        format!("seal net.xml -o both.ovseal -r {recipient} --require tpm2 --passphrase-file words"),
        format!("bind net.ovseal --keyfile key --new-passphrase-file words {}", device.options()),
        format!("inspect net.ovseal --tpm --keyfile key {}", device.options()),
    ] {
        let refused = bench.run(&line);
        assert_eq!(refused.code, Some(2), "{line}: {refused:?}");
        assert!(!bench.exists("both.ovseal"));
    }
}
