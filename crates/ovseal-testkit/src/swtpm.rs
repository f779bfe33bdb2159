//! A TPM for each test: swtpm, started from a template and stopped at the end of the test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::eventually;

/// A software TPM 2.0 on a socket of its own, as its manufacturer delivered it: nobody owns it yet.
///
/// It serves one client at a time; a second one waits until the first is gone.
pub struct Swtpm {
    folder: TempDir,
}

impl Swtpm {
    /// Starts a TPM that has its own seeds.
    pub fn start() -> Self {
        let tpm = Self { folder: tempfile::Builder::new().prefix("swtpm-").tempdir().unwrap() };
        std::fs::create_dir(tpm.state()).unwrap();
        copy(&template(), &tpm.state());
        tpm.power_on();
        // Every TPM of one template has the same seeds: clearing makes new ones.
        tpm.tool("tpm2_clear", &["-c", "p"]);
        tpm
    }

    /// Its name for the TPM software stack.
    pub fn tcti(&self) -> String {
        format!("swtpm:path={}", self.socket().display())
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        std::fs::read_to_string(self.pid_file()).unwrap().trim().parse().unwrap()
    }

    /// Takes its power away, in the middle of whatever it does.
    pub fn cut_power(&self) {
        let process = self.process();
        signal(process, "KILL");
        eventually("the TPM is gone", || !is_running(process));
    }

    /// Starts it with the state that it has.
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

    /// Cuts the power and starts the TPM again.
    pub fn power_cycle(&self) {
        self.cut_power();
        self.power_on();
    }

    /// The folder with its state: whoever copies it has a copy of the TPM.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The socket on which it takes commands.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Runs a program of tpm2-tools and gives what it wrote to the standard output.
    pub fn tool(&self, program: &str, arguments: &[&str]) -> String {
        let (succeeded, output, errors) = self.try_tool(program, arguments);
        assert!(succeeded, "{program} {arguments:?}: {output}{errors}");
        output
    }

    /// The same for a program that may fail: whether it succeeded, standard output, standard error.
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

    /// Extends a register, as a changed program at boot would.
    pub fn extend(&self, pcr: u8) {
        self.tool("tpm2_pcrextend", &[&format!("{pcr}:sha256={}", "ab".repeat(32))]);
    }

    /// Sets its clock forward to a time in milliseconds, so that no test waits for it.
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

/// Sends a signal with the shell's own `kill`: the program of this name is missing where `procps` is.
fn signal(process: u32, name: &str) {
    let kill = format!("kill -{name} {process}");
    let _ = Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status();
}

fn is_running(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// The state of a TPM that the test set-up made.
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

/// Seconds in which a program is done, also on a machine that is busy with other things.
const DEADLINE: &str = "120";
