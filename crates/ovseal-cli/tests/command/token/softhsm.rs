//! A separate SoftHSM for each test.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Bench, Outcome};

/// The user PIN of every token.
pub(crate) const PIN: &str = "271828";

/// A bench with tokens, and the PIN in the file `pin`.
pub(crate) struct Hsm {
    pub(crate) bench: Bench,
    module: PathBuf,
}

impl Hsm {
    /// Creates a SoftHSM with an empty token for each label.
    pub(crate) fn with(labels: &[&str]) -> Self {
        let hsm = Self { bench: Bench::with_models(), module: softhsm() };
        let folder = hsm.bench.path("tokens");
        std::fs::create_dir(&folder).unwrap();
        let settings = format!("directories.tokendir = {}\nlog.level = ERROR\n", folder.display());
        hsm.bench.write("softhsm2.conf", settings.as_bytes());
        hsm.bench.write("pin", PIN.as_bytes());
        labels.iter().for_each(|label| hsm.add(label));
        hsm
    }

    /// Creates the same behind a module with `fault`.
    pub(crate) fn faulty(self, fault: &str) -> Self {
        self.bench.write("fault", fault.as_bytes());
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/command/token/faulty_module.c");
        let module = self.bench.path("faulty.so");
        let mut compiler = Command::new("cc");
        compiler.args(["-Wall", "-Werror", "-shared", "-fPIC", "-o"]).arg(&module).arg(source);
        assert!(compiler.status().unwrap().success());
        Self { module, ..self }
    }

    pub(crate) fn add(&self, label: &str) {
        self.util(&["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "314159"]);
    }

    pub(crate) fn remove(&self, label: &str) {
        self.util(&["--delete-token", "--token", label]);
    }

    pub(crate) fn environment(&self) -> [(&'static str, PathBuf); 4] {
        [
            ("SOFTHSM2_CONF", self.bench.path("softhsm2.conf")),
            ("OVSEAL_PKCS11_MODULE", self.module.clone()),
            ("OVSEAL_TEST_SOFTHSM", softhsm()),
            ("OVSEAL_TEST_FAULT", self.bench.path("fault")),
        ]
    }

    pub(crate) fn run(&self, line: &str) -> Outcome {
        self.bench.run_in(&self.environment(), line)
    }

    /// Runs a command that must succeed, and returns its stdout without the trailing newline.
    pub(crate) fn done(&self, line: &str) -> String {
        let outcome = self.run(line);
        assert_eq!(outcome.code, Some(0), "{line}: {outcome:?}");
        outcome.stdout.trim_end().to_owned()
    }

    pub(crate) fn fails(&self, line: &str, code: i32, stderr: &[&str]) {
        self.run(line).is_failure(code, stderr);
    }

    fn util(&self, arguments: &[&str]) {
        let mut command = Command::new("softhsm2-util");
        command.args(arguments).env("SOFTHSM2_CONF", self.bench.path("softhsm2.conf"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}

fn softhsm() -> PathBuf {
    std::env::var_os("OVSEAL_TEST_SOFTHSM")
        .expect("OVSEAL_TEST_SOFTHSM is not set: run `cargo xtask test`")
        .into()
}
