//! System packages: installed if this is root on Debian or Ubuntu, otherwise listed in an error.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::process;

/// A package that a task needs.
pub(crate) struct SystemPackage {
    /// Names on Debian and Ubuntu, separated by spaces.
    debian: &'static str,
    /// Command that succeeds if the package is installed.
    probe: &'static [&'static str],
}

/// Compiler for the C code in the cryptographic libraries.
pub(crate) const C_COMPILER: SystemPackage =
    SystemPackage { debian: "gcc libc6-dev", probe: &["cc", "--version"] };

/// Compiler for the fuzzing engine and the C++ examples.
pub(crate) const CXX_COMPILER: SystemPackage = SystemPackage { debian: "g++", probe: &["c++", "--version"] };

/// Build system of the C++ examples.
pub(crate) const CMAKE: SystemPackage = SystemPackage { debian: "cmake", probe: &["cmake", "--version"] };

/// Source of compiler flags for installed libraries.
pub(crate) const PKG_CONFIG: SystemPackage =
    SystemPackage { debian: "pkg-config", probe: &["pkg-config", "--version"] };

/// Interpreter for OpenVINO's tools and the Python tests.
pub(crate) const PYTHON: SystemPackage =
    SystemPackage { debian: "python3", probe: &["python3", "--version"] };

/// Modules that create Python environments. Debian packages them separately.
pub(crate) const PYTHON_VENV: SystemPackage =
    SystemPackage { debian: "python3-venv", probe: &["python3", "-c", "import venv, ensurepip"] };

/// Tracer of system calls, which shows the files that a command writes.
pub(crate) const STRACE: SystemPackage = SystemPackage { debian: "strace", probe: &["strace", "-V"] };

/// Encrypted file system for comparison. Mounts with `fusermount3` unless it runs as root.
pub(crate) const GOCRYPTFS: SystemPackage =
    SystemPackage { debian: "gocryptfs fuse3", probe: &["gocryptfs", "--version"] };

/// Software TPM for tests.
pub(crate) const SWTPM: SystemPackage = SystemPackage {
    debian: "swtpm swtpm-tools",
    probe: &["sh", "-c", "command -v swtpm && command -v swtpm_setup"],
};

/// Independent TPM tools, with the libraries that `ovseal` loads.
pub(crate) const TPM2_TOOLS: SystemPackage =
    SystemPackage { debian: "tpm2-tools libtss2-tcti-swtpm0", probe: &["tpm2_clear", "--version"] };

/// Headers that a test compares with the layout of this project's structures.
pub(crate) const TSS_HEADERS: SystemPackage =
    SystemPackage { debian: "libtss2-dev", probe: &["test", "-e", "/usr/include/tss2/tss2_esys.h"] };

/// Software PKCS#11 token.
pub(crate) const SOFTHSM: SystemPackage =
    SystemPackage { debian: "softhsm2", probe: &["softhsm2-util", "--version"] };

/// Mount tool of users without privilege.
pub(crate) const FUSE: SystemPackage =
    SystemPackage { debian: "fuse3", probe: &["fusermount3", "--version"] };

/// Counter of a file's pages in the kernel's cache. Ubuntu has it in `util-linux`.
pub(crate) const FINCORE: SystemPackage =
    SystemPackage { debian: "util-linux-extra", probe: &["fincore", "--version"] };

/// Installs missing packages if this is root on Debian or Ubuntu.
///
/// # Errors
///
/// Fails if packages are missing and cannot be installed.
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

/// Checks that tests may create user namespaces, in which `strace` sees as much as with root
/// privileges.
///
/// # Errors
///
/// Fails if this is not root and the system forbids user namespaces.
pub(crate) fn require_name_spaces() -> Result<(), Failure> {
    if is_root() || process::succeeds(Command::new("unshare").args(["--map-root-user", "true"])) {
        return Ok(());
    }
    Err(Failure::new("tests with strace need user namespaces, which only root may create here")
        .remedy(format!("sudo sysctl --ignore {ALLOW_NAME_SPACES}")))
}

/// Settings that allow user namespaces on Ubuntu, Debian and other systems.
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

/// Returns whether this is root on a system with `apt-get`.
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
    failure.remedy(format!("check the network, or install these packages yourself: {}", missing.join(" ")))
}

/// Explains why a package that was just installed is still not found.
fn shadowed(missing: &[&str]) -> Failure {
    let names = missing.join(" ");
    Failure::new(format!("{names} was installed, but another installation comes first in PATH and lacks it"))
        .remedy("put /usr/bin first: export PATH=/usr/bin:$PATH")
}

fn not_installed(missing: &[&str]) -> Failure {
    let names = missing.join(" ");
    Failure::new(format!("missing system packages: {names}"))
        .remedy(format!("sudo apt-get update && sudo apt-get install --no-install-recommends {names}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_missing_packages_are_named() {
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
