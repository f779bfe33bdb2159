//! System packages: found, installed when that is allowed, otherwise named in one line.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::process;

/// Something that a task needs from the system.
pub(crate) struct SystemPackage {
    /// Its name on Debian and Ubuntu.
    debian: &'static str,
    /// A command that succeeds where it is installed.
    probe: &'static [&'static str],
}

/// Compiles the C in the cryptographic libraries.
pub(crate) const C_COMPILER: SystemPackage =
    SystemPackage { debian: "gcc libc6-dev", probe: &["cc", "--version"] };

/// Compiles the fuzzing engine.
pub(crate) const CXX_COMPILER: SystemPackage = SystemPackage { debian: "g++", probe: &["c++", "--version"] };

/// Builds the examples in C++ as their users do.
pub(crate) const CMAKE: SystemPackage = SystemPackage { debian: "cmake", probe: &["cmake", "--version"] };

/// Tells the flags of installed libraries.
pub(crate) const PKG_CONFIG: SystemPackage =
    SystemPackage { debian: "pkg-config", probe: &["pkg-config", "--version"] };

/// Runs OpenVINO's own tools and the Python tests.
pub(crate) const PYTHON: SystemPackage =
    SystemPackage { debian: "python3", probe: &["python3", "--version"] };

/// Makes private Python environments. Debian packs the two modules apart from Python.
pub(crate) const PYTHON_VENV: SystemPackage =
    SystemPackage { debian: "python3-venv", probe: &["python3", "-c", "import venv, ensurepip"] };

/// Shows which files a command writes.
pub(crate) const STRACE: SystemPackage = SystemPackage { debian: "strace", probe: &["strace", "-V"] };

/// An encrypted file system, for comparison. It mounts with `fusermount3`, if it does not run as root.
pub(crate) const GOCRYPTFS: SystemPackage =
    SystemPackage { debian: "gocryptfs fuse3", probe: &["gocryptfs", "--version"] };

/// TPMs for tests, each a process.
pub(crate) const SWTPM: SystemPackage = SystemPackage {
    debian: "swtpm swtpm-tools",
    probe: &["sh", "-c", "command -v swtpm && command -v swtpm_setup"],
};

/// Looks at TPMs without this project's code. Brings the libraries that `ovseal` loads.
pub(crate) const TPM2_TOOLS: SystemPackage =
    SystemPackage { debian: "tpm2-tools libtss2-tcti-swtpm0", probe: &["tpm2_clear", "--version"] };

/// The headers with which a test compares the layout of structures.
pub(crate) const TSS_HEADERS: SystemPackage =
    SystemPackage { debian: "libtss2-dev", probe: &["test", "-e", "/usr/include/tss2/tss2_esys.h"] };

/// A PKCS#11 token in software.
pub(crate) const SOFTHSM: SystemPackage =
    SystemPackage { debian: "softhsm2", probe: &["softhsm2-util", "--version"] };

/// Mounts the files of kernel doubles. Root mounts without it.
pub(crate) const FUSE: SystemPackage = SystemPackage {
    debian: "fuse3",
    probe: &["sh", "-c", "test \"$(id -u)\" -eq 0 || command -v fusermount3"],
};

/// Sees to it that all the packages are installed.
///
/// # Errors
///
/// When some are missing and this is not root on Debian or Ubuntu, or when their installation fails.
pub(crate) fn require(packages: &[SystemPackage]) -> Result<(), Failure> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    if !may_install() {
        return Err(not_installed(&missing));
    }
    install(&missing)?;
    if self::missing(packages).is_empty() { Ok(()) } else { Err(shadowed(&missing)) }
}

/// Checks that tests may make user name spaces, in which `strace` sees what root would see.
///
/// # Errors
///
/// If this is not root and the system forbids them.
pub(crate) fn require_name_spaces() -> Result<(), Failure> {
    if is_root() || process::succeeds(Command::new("unshare").args(["--map-root-user", "true"])) {
        return Ok(());
    }
    Err(Failure::new("only root may make user name spaces here, and tests with strace need one")
        .remedy(format!("sudo sysctl --ignore {ALLOW_NAME_SPACES}")))
}

/// The settings that forbid them on Ubuntu, on Debian, and elsewhere.
const ALLOW_NAME_SPACES: &str = "kernel.apparmor_restrict_unprivileged_userns=0 kernel.unprivileged_userns_clone=1 \
                                 user.max_user_namespaces=10000";

fn missing(packages: &[SystemPackage]) -> Vec<&'static str> {
    let missing = packages.iter().filter(|package| !package.is_present());
    missing.flat_map(|package| package.debian.split(' ')).collect()
}

impl SystemPackage {
    fn is_present(&self) -> bool {
        let [program, arguments @ ..] = self.probe else { return true };
        process::succeeds(Command::new(program).args(arguments))
    }
}

/// Says whether this is root on a system with `apt-get`.
fn may_install() -> bool {
    is_root() && Path::new("/usr/bin/apt-get").exists()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn install(missing: &[&str]) -> Result<(), Failure> {
    println!("installing {}", missing.join(" "));
    process::run(apt_get().args(["-q", "update"])).map_err(|failure| without_network(failure, missing))?;
    let mut command = apt_get();
    command.args(["-q", "install", "--yes", "--no-install-recommends"]).args(missing);
    process::run(&mut command).map_err(|failure| without_network(failure, missing))
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn without_network(failure: Failure, missing: &[&str]) -> Failure {
    failure.remedy(format!("check the network, or install by other means: {}", missing.join(" ")))
}

/// What was just installed is not what the search path finds first.
fn shadowed(missing: &[&str]) -> Failure {
    let names = missing.join(" ");
    Failure::new(format!("{names} was installed, but another installation comes first in PATH and lacks it"))
        .remedy("put /usr/bin first: export PATH=/usr/bin:$PATH")
}

fn not_installed(missing: &[&str]) -> Failure {
    let names = missing.join(" ");
    Failure::new(format!("these system packages are missing: {names}"))
        .remedy(format!("sudo apt-get update && sudo apt-get install --no-install-recommends {names}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_named() {
        let here = SystemPackage { debian: "coreutils", probe: &["true"] };
        let absent = SystemPackage { debian: "one two", probe: &["no-such-command"] };
        assert_eq!(missing(&[here, absent]), ["one", "two"]);
    }

    #[test]
    fn the_remedy_is_one_line_to_copy() {
        let text = not_installed(&["python3-venv", "g++"]).to_string();
        let line = "sudo apt-get update && sudo apt-get install --no-install-recommends python3-venv g++";
        assert!(text.ends_with(&format!("hint: {line}\n")));
    }
}
