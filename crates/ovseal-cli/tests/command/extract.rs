//! `ovseal extract`.

use std::os::unix::fs::symlink;

use crate::support::Bench;

const LINE: &str = "extract net.ovseal --keyfile key --any-sender --danger-write-plaintext out";

fn folder_bench() -> Bench {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("model/tokenizer")).unwrap();
    bench.write("model/net.xml", b"<net/>");
    bench.write("model/net.bin", &[3; 600_000]);
    bench.write("model/tokenizer/empty.txt", b"");
    bench.done("seal model -o net.ovseal --keyfile key");
    bench
}

#[test]
fn parts_are_written_for_their_owner_alone() {
    let bench = folder_bench();
    let outcome = bench.done(LINE);
    let warning =
        "ovseal: warning: wrote 3 parts (585.9 KiB) to out in plaintext: they are no longer protected\n";
    assert_eq!((outcome.stderr.as_str(), outcome.stdout.as_str()), (warning, ""));
    for part in ["net.xml", "net.bin", "tokenizer/empty.txt"] {
        assert_eq!(bench.read(&format!("out/{part}")), bench.read(&format!("model/{part}")));
        assert_eq!(bench.mode(format!("out/{part}")), 0o600);
    }
    assert_eq!((bench.mode("out"), bench.mode("out/tokenizer")), (0o700, 0o700));
    assert_eq!(bench.path("out").read_dir().unwrap().count(), 3);
}

#[test]
fn existing_files_are_replaced_only_with_force() {
    let bench = folder_bench();
    std::fs::create_dir_all(bench.path("out/tokenizer")).unwrap();
    bench.write("out/tokenizer/empty.txt", b"precious");
    let hint = "ovseal: hint: replace existing files with --force";
    bench.fails(LINE, 2, &["ovseal: error: out/tokenizer/empty.txt already exists", hint]);
    assert!(!bench.exists("out/net.bin") && bench.read("out/tokenizer/empty.txt") == b"precious");
    bench.done(&format!("{LINE} --force"));
    assert_eq!(bench.read("out/tokenizer/empty.txt"), b"");
    assert_eq!(bench.mode("out/tokenizer/empty.txt"), 0o600);
}

#[test]
fn no_symbolic_link_is_followed() {
    let bench = folder_bench();
    std::fs::create_dir_all(bench.path("elsewhere")).unwrap();
    std::fs::create_dir_all(bench.path("out")).unwrap();
    symlink(bench.path("elsewhere"), bench.path("out/tokenizer")).unwrap();
    for line in [LINE, &format!("{LINE} --force")] {
        let error = "ovseal: error: cannot write out/tokenizer/empty.txt: \
                     tokenizer is a symbolic link and is not followed";
        bench.fails(line, 1, &[error]);
    }
    assert_eq!(bench.path("elsewhere").read_dir().unwrap().count(), 0);
    std::fs::remove_file(bench.path("out/tokenizer")).unwrap();
    bench.write("elsewhere/target", b"precious");
    symlink(bench.path("elsewhere/target"), bench.path("out/net.bin")).unwrap();
    assert_eq!(bench.run(LINE).code, Some(2));
    let hint = "ovseal: hint: remove it first, or choose another directory";
    let error = "ovseal: error: out/net.bin is a symbolic link and is not replaced";
    bench.fails(&format!("{LINE} --force"), 2, &[error, hint]);
    assert_eq!(bench.read("elsewhere/target"), b"precious");
    assert!(bench.path("out/net.bin").is_symlink());
}

#[test]
fn neither_a_pipe_nor_a_file_that_was_read_is_replaced_with_force() {
    let bench = folder_bench();
    bench.done("keygen --publisher -o acme");
    std::fs::create_dir_all(bench.path("out")).unwrap();
    let hint = "ovseal: hint: remove it first, or choose another directory";
    let error = |what: &str| format!("ovseal: error: out/net.bin is {what} and is not replaced");
    assert!(std::process::Command::new("mkfifo").arg(bench.path("out/net.bin")).status().unwrap().success());
    bench.fails(&format!("{LINE} --force"), 2, &[&error("a pipe or a device"), hint]);
    for read in ["key", "net.ovseal"] {
        std::fs::remove_file(bench.path("out/net.bin")).unwrap();
        std::fs::hard_link(bench.path(read), bench.path("out/net.bin")).unwrap();
        let before = bench.read(read);
        bench.fails(&format!("{LINE} --force"), 2, &[&error("a file that was read"), hint]);
        assert_eq!((bench.read(read), bench.path("out").read_dir().unwrap().count()), (before, 1));
    }
}

#[test]
fn a_damaged_part_leaves_nothing_behind() {
    let bench = folder_bench();
    // Damages the second chunk of the weights: the first one is already written when this is
    // detected.
    bench.flip("net.ovseal", 4096 + 65_536 + 262_144 + 10);
    let error = "ovseal: error: net.ovseal: chunk 1 of net.bin is not authentic";
    bench.fails(LINE, 3, &[error, "ovseal: hint: get the container again from its publisher"]);
    assert!(!bench.exists("out"));
    std::fs::create_dir(bench.path("out")).unwrap();
    assert_eq!(bench.run(LINE).code, Some(3));
    assert_eq!(bench.path("out").read_dir().unwrap().count(), 0);
}

#[test]
fn a_directory_in_the_place_of_a_part_is_never_replaced() {
    let bench = folder_bench();
    std::fs::create_dir_all(bench.path("out/net.bin")).unwrap();
    bench.write("out/net.xml", b"precious");
    let error = "ovseal: error: cannot write out/net.bin: Is a directory (os error 21)";
    bench.fails(&format!("{LINE} --force"), 1, &[error]);
    assert_eq!(bench.read("out/net.xml"), b"precious");
}
