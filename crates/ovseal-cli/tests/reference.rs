//! The reference page and the man pages match the command line.

use std::path::PathBuf;
use std::process::ExitCode;

#[test]
fn the_reference_is_what_the_command_line_defines() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
    let page = ovseal_cli::reference();
    if std::env::var_os("OVSEAL_UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == page,
        "docs/reference/cli.md is out of date; update it with: \
         OVSEAL_UPDATE_REFERENCE=1 cargo test -p ovseal-cli --test reference"
    );
}

#[test]
fn every_command_gets_a_man_page() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["ovseal", "man", directory.path().to_str().unwrap()];
    assert_eq!(ovseal_cli::run(arguments.map(Into::into)), ExitCode::SUCCESS);
    let page = ovseal_cli::reference();
    let commands = page.lines().filter_map(|line| line.strip_prefix("## "));
    let mut expected: Vec<String> = commands.map(|name| format!("{}.1", name.replace(' ', "-"))).collect();
    let written = directory.path().read_dir().unwrap();
    let mut written: Vec<String> =
        written.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    expected.sort_unstable();
    written.sort_unstable();
    assert_eq!(written, expected);
    for name in written {
        let text = std::fs::read_to_string(directory.path().join(&name)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{name}");
    }
}

#[test]
fn a_man_page_replaces_nothing_and_follows_no_link() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("target");
    std::os::unix::fs::symlink(&target, directory.path().join("ovseal.1")).unwrap();
    let arguments = ["ovseal", "man", directory.path().to_str().unwrap()];
    assert_eq!(ovseal_cli::run(arguments.map(Into::into)), ExitCode::from(2));
    assert!(!target.exists());
}
