//! Parts of the kernel that a machine may lack.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

/// Returns true if file systems in user space can be served here.
///
/// # Panics
///
/// If `/dev/fuse` cannot be opened and this runs under CI, which must have it.
pub fn has_fuse() -> bool {
    is_there("/dev/fuse", File::options().read(true).write(true).open("/dev/fuse").is_ok())
}

/// Returns true if a process of this user may create a mount namespace, with a user namespace if
/// it is not root.
///
/// # Panics
///
/// If it may not and this runs under CI, which must allow it.
pub fn has_namespaces() -> bool {
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--mount", "true"]);
    let status = unshare.stdin(Stdio::null()).stderr(Stdio::null()).status();
    is_there("user namespaces", status.is_ok_and(|status| status.success()))
}

/// Returns true if this is root, which some tests need to become other users.
#[expect(clippy::print_stderr, reason = "a test shows what was not run")]
pub fn is_root() -> bool {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root {
        eprintln!("not run: {}: not root", std::thread::current().name().unwrap_or("a test"));
    }
    is_root
}

/// Reports a missing part, so that a test without it does not look like one that passed.
#[expect(clippy::print_stderr, reason = "a test shows what was not run")]
fn is_there(part: &str, is_there: bool) -> bool {
    if !is_there {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        eprintln!("not run: {test}: no {part}");
        assert!(std::env::var_os("CI").is_none(), "this machine should have {part}");
    }
    is_there
}
