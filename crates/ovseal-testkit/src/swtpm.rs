//! Software TPMs: swtpm, started from a template for each test and stopped at its end.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::eventually;

/// A software TPM 2.0 on its own socket, in the manufacturer's state, without an owner.
///
/// It serves one client at a time; a second client waits until the first disconnects.
pub struct Swtpm {
    folder: TempDir,
}

impl Swtpm {
    /// Starts a TPM with new seeds.
    pub fn start() -> Self {
        let tpm = Self { folder: tempfile::Builder::new().prefix("swtpm-").tempdir().unwrap() };
        std::fs::create_dir(tpm.state()).unwrap();
        copy(&template(), &tpm.state());
        tpm.power_on();
        // All copies of the template have the same seeds. Clearing the TPM creates new ones.
        tpm.tool("tpm2_clear", &["-c", "p"]);
        tpm
    }

    /// Returns the TPM's name for the TPM software stack.
    pub fn tcti(&self) -> String {
        format!("swtpm:path={}", self.socket().display())
    }

    /// Returns its process id.
    pub fn process(&self) -> u32 {
        std::fs::read_to_string(self.pid_file()).unwrap().trim().parse().unwrap()
    }

    /// Cuts the TPM's power, even during a command.
    pub fn cut_power(&self) {
        let process = self.process();
        signal(process, "KILL");
        eventually("the TPM is gone", || !is_running(process));
    }

    /// Starts the TPM with its current state.
    pub fn power_on(&self) {
        for file in [self.socket(), self.control(), self.pid_file()] {
            let _ = std::fs::remove_file(file);
        }
        let mut command = Command::new("swtpm");
        command.args(["socket", "--tpm2", "--tpmstate"]).arg(option("dir=", &self.state()));
        command.arg("--server").arg(option("type=unixio,path=", &self.socket()));
        command.arg("--ctrl").arg(option("type=unixio,path=", &self.control()));
        command.args(["--flags", "not-need-init,startup-clear", "--daemon", "--pid"]);
        command.arg(option("file=", &self.pid_file()));
        let status = command.stdin(Stdio::null()).status().expect("swtpm is installed by `cargo xtask test`");
        assert!(status.success(), "swtpm ended with {status}");
        eventually("the TPM is there", || self.socket().exists() && self.pid_file().exists());
    }

    /// Cuts the TPM's power and starts it again.
    pub fn power_cycle(&self) {
        self.cut_power();
        self.power_on();
    }

    /// Returns the directory of its state. A copy of the directory is a copy of the TPM.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Returns the socket for its commands.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Runs a program of tpm2-tools and returns its standard output.
    pub fn tool(&self, program: &str, arguments: &[&str]) -> String {
        let (succeeded, output, errors) = self.try_tool(program, arguments);
        assert!(succeeded, "{program} {arguments:?}: {output}{errors}");
        output
    }

    /// Runs a program of tpm2-tools that may fail; returns its success, standard output and error.
    pub fn try_tool(&self, program: &str, arguments: &[&str]) -> (bool, String, String) {
        let mut command = Command::new("timeout");
        command
            .args([DEADLINE, program])
            .args(arguments)
            .stdin(Stdio::null())
            .current_dir(self.folder.path());
        command.env("TPM2TOOLS_TCTI", self.tcti()).env("TSS2_LOG", "all+none");
        let output = command.output().expect("tpm2-tools are installed by `cargo xtask test`");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    }

    /// Extends a PCR, as a modified program does at boot.
    pub fn extend(&self, pcr: u8) {
        self.tool("tpm2_pcrextend", &[&format!("{pcr}:sha256={}", "ab".repeat(32))]);
    }

    /// Advances the TPM's clock to a time in milliseconds, so that tests need not wait.
    pub fn set_clock(&self, milliseconds: u64) {
        self.tool("tpm2_setclock", &["-c", "p", &milliseconds.to_string()]);
    }

    fn control(&self) -> PathBuf {
        self.folder.path().join("s.ctrl")
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.path().join("pid")
    }
}

impl Drop for Swtpm {
    fn drop(&mut self) {
        let process = std::fs::read_to_string(self.pid_file()).ok().and_then(|pid| pid.trim().parse().ok());
        if let Some(process) = process {
            signal(process, "KILL");
        }
    }
}

fn option(name: &str, path: &Path) -> String {
    format!("{name}{}", path.display())
}

/// Sends a signal with the shell's `kill`; the program `kill` is missing without `procps`.
fn signal(process: u32, name: &str) {
    let kill = format!("kill -{name} {process}");
    let _ = Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status();
}

fn is_running(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// Returns the TPM state that the test setup made.
fn template() -> PathBuf {
    let folder = std::env::var_os("OVSEAL_TEST_TPM").expect("run the tests with `cargo xtask test`");
    PathBuf::from(folder).join("state")
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Seconds that a program may take, even on a busy machine.
const DEADLINE: &str = "120";
