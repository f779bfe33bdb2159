//! Damaged containers, wrong keys and wrong command lines.

use crate::support::Bench;

const AGAIN: &str = "ovseal: hint: get the container again from its publisher";

#[test]
fn a_file_that_is_no_container_is_reported_as_such() {
    let bench = Bench::new();
    let hint = "ovseal: hint: seal a model first: ovseal seal MODEL -o OUT.ovseal";
    for line in
        ["inspect net.bin", "verify net.bin", "verify net.bin --keyfile key", "rekey net.bin --remove 1"]
    {
        bench.fails(line, 6, &["ovseal: error: net.bin: not an ovseal container", hint]);
    }
}

#[test]
fn a_later_version_asks_for_a_newer_program() {
    let bench = Bench::sealed();
    bench.flip("net.ovseal", 8);
    let error =
        "ovseal: error: net.ovseal: the container has version 257, but this program reads only version 1";
    bench.fails("inspect net.ovseal", 6, &[error, "ovseal: hint: a newer version of ovseal may read it"]);
}

#[test]
fn a_truncated_download_is_reported_as_such() {
    let bench = Bench::sealed();
    let whole = bench.read("net.ovseal");
    for length in [whole.len() - 1, whole.len() / 2, 5000, 100] {
        bench.write("cut.ovseal", &whole[..length]);
        bench.fails(
            "verify cut.ovseal --keyfile key",
            3,
            &[
                "ovseal: error: cut.ovseal: the container is truncated or its end is damaged",
                "ovseal: hint: the file may be incomplete: download or copy it again",
            ],
        );
    }
}

#[test]
fn a_container_that_is_not_there_cannot_be_read() {
    let error = "ovseal: error: cannot read absent: No such file or directory (os error 2)";
    Bench::new().fails("verify absent --keyfile key", 1, &[error]);
}

#[test]
fn a_damaged_prologue_is_reported_as_such() {
    let bench = Bench::sealed();
    bench.flip("net.ovseal", 1000);
    bench.fails("inspect net.ovseal", 3, &["ovseal: error: net.ovseal: the prologue is damaged", AGAIN]);
}

#[test]
fn a_wrong_passphrase_is_reported_as_such() {
    let bench = Bench::new();
    bench.write("right", b"correct horse\n");
    bench.write("wrong", b"battery staple\n");
    bench.done("seal net.xml -o net.ovseal --passphrase-file right");
    let hint =
        "ovseal: hint: the container accepts these kinds of key: passphrase (-p or --passphrase-file F)";
    let line = "verify net.ovseal --passphrase-file wrong";
    bench.fails(line, 4, &["ovseal: error: net.ovseal: wrong passphrase", hint]);
    bench.done("verify net.ovseal --passphrase-file right");
}

#[test]
fn a_wrong_key_of_each_kind_is_reported_as_such() {
    let bench = Bench::sealed();
    bench.write("other", &[1; 32]);
    bench.done("keygen -o id.txt");
    let hint = "ovseal: hint: the container accepts these kinds of key: keyfile (--keyfile F)";
    let error = "ovseal: error: net.ovseal: the key file does not open the container";
    bench.fails("inspect net.ovseal --keyfile other", 4, &[error, hint]);
    let error = "ovseal: error: net.ovseal: the container does not accept this kind of key";
    bench.fails("inspect net.ovseal -i id.txt", 4, &[error, hint]);
}

#[test]
fn without_a_key_the_kinds_of_key_are_listed() {
    let bench = Bench::new();
    let recipient = bench.done("keygen -o id.txt").stdout;
    bench.done(&format!("seal net.xml -o net.ovseal --keyfile key -r {recipient}"));
    let kinds = "keyfile (--keyfile F), x-wing (-i F)";
    let hint = format!("ovseal: hint: the container accepts these kinds of key: {kinds}");
    for line in [
        "extract net.ovseal --any-sender --danger-write-plaintext out",
        "rekey net.ovseal --any-sender --remove 1",
    ] {
        bench.fails(line, 4, &["ovseal: error: no key was given", &hint]);
    }
}

#[test]
fn malformed_keys_are_the_callers_mistake() {
    let bench = Bench::sealed();
    bench.write("short", &[1; 31]);
    bench.write("long", &[1; 40]);
    bench.write("empty", b"\n");
    for (option, sentence) in [
        ("--keyfile short", "cannot use short: the key file is not 32 bytes long"),
        ("--keyfile long", "cannot use long: the key file is not 32 bytes long"),
        ("--passphrase-file empty", "cannot use empty: a passphrase is UTF-8 text of 1 to 1024 bytes"),
    ] {
        let error = format!("ovseal: error: {sentence}");
        bench.fails(&format!("verify net.ovseal {option}"), 2, &[&error]);
    }
}

#[test]
fn only_one_kind_of_key_is_taken() {
    let outcome = Bench::sealed().run("verify net.ovseal --keyfile key -p");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
    let error = "ovseal: error: the argument '--keyfile <F>' cannot be used with";
    assert!(outcome.stderr.starts_with(error), "{outcome:?}");
}

#[test]
fn mistakes_in_the_command_line_are_reported_in_one_line_with_hints() {
    let bench = Bench::new();
    let error = "ovseal: error: unrecognized subcommand 'sael'";
    let tip = "ovseal: hint: a similar subcommand exists: 'seal'";
    bench.fails("sael", 2, &[error, tip, "ovseal: hint: usage: ovseal <COMMAND>"]);
    bench.fails(
        "",
        2,
        &["ovseal: error: no command was given", "ovseal: hint: ovseal --help lists the commands"],
    );
    let error = "ovseal: error: no command was given to device";
    bench.fails("device", 2, &[error, "ovseal: hint: ovseal device --help lists the commands"]);
}

#[test]
fn a_damaged_model_is_not_sealed_and_its_fault_is_named() {
    const CONSTANT: &str = "<layer id=\"0\" type=\"Const\"><data element_type=\"f32\" shape=\"2048\" offset=\"0\" size=\"8192\"/></layer>";
    const TOGETHER: &str =
        "ovseal: hint: export the model again, or copy its files again: they do not belong together";
    let bench = Bench::with_models();
    std::fs::create_dir(bench.path("folder")).unwrap();
    let topology = format!("<net>\n<layers>{CONSTANT}</layers></net>");
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 8192\n";
    let fetch = "ovseal: hint: fetch the file first: git lfs pull";
    let short = "m.xml cannot be sealed: line 2 of the topology: a constant ends at byte 8192, but the weights have only 100 bytes";
    let cut = "m.xml cannot be sealed: line 2 of the topology: not well-formed XML, or truncated";
    let unfetched = "m.bin is a Git LFS pointer, not the file itself";
    for (xml, bin, error, hint) in [
        (topology.as_bytes(), &[1; 100][..], short, TOGETHER),
        (&topology.as_bytes()[..60], &[1; 8192], cut, TOGETHER),
        (topology.as_bytes(), pointer, unfetched, fetch),
    ] {
        for folder in ["", "folder/"] {
            bench.write(&format!("{folder}m.xml"), xml);
            bench.write(&format!("{folder}m.bin"), bin);
        }
        for (model, folder) in [("m.xml", ""), ("folder", "folder/")] {
            let error = format!("ovseal: error: {folder}{error}");
            bench.fails(&format!("seal {model} -o out.ovseal --keyfile key"), 2, &[&error, hint]);
        }
    }
    bench.write("empty.onnx", b"");
    bench.fails(
        "seal empty.onnx -o out.ovseal --keyfile key",
        2,
        &["ovseal: error: empty.onnx is not a valid onnx model"],
    );
    assert!(!bench.exists("out.ovseal"));
    for (name, cut) in [("model.pdmodel", 0), ("model.pdiparams", 1)] {
        let bytes = bench.read(&format!("models/paddle/{name}"));
        bench.write(name, &bytes[..bytes.len() - cut]);
    }
    let error = "ovseal: error: model.pdiparams cannot be sealed: tensor 2 of the parameters is malformed or truncated";
    bench.fails("seal model.pdmodel -o out.ovseal --keyfile key", 2, &[error, TOGETHER]);
    bench.write("m.xml", topology.as_bytes());
    bench.write("m.bin", &[1; 8192]);
    bench.done("seal m.xml -o out.ovseal --keyfile key");
}
