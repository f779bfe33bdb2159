//! A directory with keys and a model, to run the program in.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The program under test; scripts find it in the variable `OVSEAL`.
pub(crate) const OVSEAL: &str = env!("CARGO_BIN_EXE_ovseal");

/// The outcome of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The directory of one test.
pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    /// Creates a directory with a small IR in `net.xml` and `net.bin`, and a key file `key`.
    pub(crate) fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        bench.write("net.xml", b"<net name=\"net\"/>");
        bench.write("net.bin", &[7; 300_000]);
        bench.write("key", &[0x2a; 32]);
        bench
    }

    /// Like [`new`](Self::new), with `net.ovseal` sealed to the key file.
    pub(crate) fn sealed() -> Self {
        let bench = Self::new();
        bench.done("seal net.xml -o net.ovseal --keyfile key");
        bench
    }

    /// Like [`new`](Self::new), with `acme.key`, `acme.pub` and `net.ovseal` signed by it.
    pub(crate) fn signed() -> Self {
        let bench = Self::new();
        bench.done("keygen --publisher -o acme");
        bench.done("seal net.xml -o net.ovseal --keyfile key --publisher-key acme.key --security-version 3");
        bench
    }

    /// Like [`new`](Self::new), with the set-up's models as `models`, so that no path in a command
    /// line contains spaces.
    pub(crate) fn with_models() -> Self {
        let bench = Self::new();
        let folder = std::env::var_os("OVSEAL_TEST_MODELS");
        let folder = folder.expect("OVSEAL_TEST_MODELS is not set: run `cargo xtask test`");
        std::os::unix::fs::symlink(folder, bench.path("models")).unwrap();
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn mode(&self, path: impl AsRef<Path>) -> u32 {
        self.folder.path().join(path).metadata().unwrap().permissions().mode() & 0o777
    }

    /// Writes a file that only its owner can read, as keys require.
    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).unwrap();
        std::fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).unwrap();
    }

    /// Changes one byte of a file.
    pub(crate) fn flip(&self, name: &str, at: usize) {
        let mut bytes = self.read(name);
        bytes[at] ^= 1;
        self.write(name, &bytes);
    }

    /// Returns the names in a directory, sorted.
    pub(crate) fn names(&self, directory: &str) -> Vec<String> {
        let entries = self.path(directory).read_dir().unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Returns the program in this directory, with the words of `line` as arguments and an empty
    /// stdin.
    pub(crate) fn command(&self, line: &str) -> Command {
        command_in(self.folder.path(), OVSEAL, line.split_whitespace())
    }

    /// Runs the program from a shell that evaluates `prelude` first, with `redirection`.
    pub(crate) fn shell(&self, prelude: &str, line: &str, redirection: &str) -> Outcome {
        self.script(&format!("{prelude}\nexec \"$OVSEAL\" {line} {redirection}"))
    }

    /// Runs a shell script in this directory.
    pub(crate) fn script(&self, script: &str) -> Outcome {
        outcome(command_in(self.folder.path(), "sh", ["-c", script]).output().unwrap())
    }

    pub(crate) fn run(&self, line: &str) -> Outcome {
        outcome(self.command(line).output().unwrap())
    }

    /// Runs with more variables in the environment.
    pub(crate) fn run_in(&self, environment: &[(&str, PathBuf)], line: &str) -> Outcome {
        let mut command = self.command(line);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        outcome(command.output().unwrap())
    }

    /// Runs with `input` on stdin.
    pub(crate) fn run_with(&self, line: &str, input: &[u8]) -> Outcome {
        let mut command = self.command(line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        outcome(child.wait_with_output().unwrap())
    }

    /// Runs a command that must succeed, and returns its stdout.
    pub(crate) fn done(&self, line: &str) -> Outcome {
        let outcome = self.run(line);
        assert_eq!(outcome.code, Some(0), "{line}: {outcome:?}");
        outcome
    }

    /// Returns the output of a command that must succeed, with `--json`.
    pub(crate) fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.done(&format!("{line} --json")).stdout).unwrap()
    }

    /// Runs a command that must fail with `code`, exactly these lines on stderr, and an empty
    /// stdout.
    pub(crate) fn fails(&self, line: &str, code: i32, stderr: &[&str]) {
        self.run(line).is_failure(code, stderr);
    }
}

impl Outcome {
    /// Asserts a failure with `code`, exactly these lines on stderr, and an empty stdout.
    pub(crate) fn is_failure(&self, code: i32, stderr: &[&str]) {
        assert_eq!(self.stderr.lines().collect::<Vec<_>>(), stderr);
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""));
    }
}

fn command_in<'a>(folder: &Path, program: &str, args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).stdin(Stdio::null()).env("OVSEAL", OVSEAL);
    // A test must not use the user's device secret.
    command.env("XDG_STATE_HOME", folder.join("state"));
    command
}

fn outcome(output: Output) -> Outcome {
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
