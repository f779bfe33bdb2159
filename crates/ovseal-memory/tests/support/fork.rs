//! What a forked child sees.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;

use rustix::process::{DumpableBehavior, Pid, WaitOptions, WaitStatus, set_dumpable_behavior, waitpid};

/// Runs `child` in a forked child and gives its exit code, `None` when a signal ended it.
///
/// Other threads of the test do not exist in the child, so `child` must not allocate or take a lock.
pub(crate) fn exit_code(child: impl FnOnce()) -> Option<i32> {
    status(|| {
        child();
        0
    })
    .exit_status()
}

/// Runs `child` as [`exit_code`] does and gives the signal that ended it.
pub(crate) fn signal(child: impl FnOnce()) -> Option<i32> {
    status(|| {
        child();
        0
    })
    .terminating_signal()
}

/// Lets a forked child hand over `length` bytes at `address`, or gives the error number that it got.
pub(crate) fn peek(address: *const u8, length: usize) -> Result<Vec<u8>, i32> {
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    let status = status(|| {
        // SAFETY: the kernel checks the address itself, and answers `EFAULT` when nothing is mapped there.
        match unsafe { libc::write(writer.as_raw_fd(), address.cast(), length) } {
            -1 => std::io::Error::last_os_error().raw_os_error().unwrap_or(-1),
            _ => 0,
        }
    });
    drop(writer);
    let mut bytes = Vec::new();
    File::from(std::os::fd::OwnedFd::from(reader)).read_to_end(&mut bytes).expect("the pipe can be read");
    match status.exit_status() {
        Some(0) => Ok(bytes),
        code => Err(code.expect("no signal ends the child")),
    }
}

fn status(child: impl FnOnce() -> i32) -> WaitStatus {
    // SAFETY: the child makes only async-signal-safe calls: `prctl`, those of `child`, and `_exit`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // A child that is meant to die leaves no core file behind.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        let code = child();
        // SAFETY: it runs no handlers of the parent's.
        unsafe { libc::_exit(code) };
    }
    let pid = Pid::from_raw(pid).expect("a fork gives a process");
    waitpid(Some(pid), WaitOptions::empty()).expect("the child can be waited for").expect("it has ended").1
}
