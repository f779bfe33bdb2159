//! The view of a forked child.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;

use rustix::process::{DumpableBehavior, Pid, WaitOptions, WaitStatus, set_dumpable_behavior, waitpid};

/// Runs `child` in a forked child and returns its exit code, `None` if a signal ended it.
///
/// The child has no other threads of the test, so `child` must not allocate or take a lock.
pub(crate) fn exit_code(child: impl FnOnce()) -> Option<i32> {
    ended(child).exit_status()
}

/// Runs `child` as [`exit_code`] does and returns the signal that ended it.
pub(crate) fn signal(child: impl FnOnce()) -> Option<i32> {
    ended(child).terminating_signal()
}

/// Returns `length` bytes at `address` as a forked child sees them, or the error number it got.
pub(crate) fn peek(address: *const u8, length: usize) -> Result<Vec<u8>, i32> {
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    let status = status(|| {
        // SAFETY: the kernel checks the address itself, and returns `EFAULT` if nothing is mapped.
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

fn ended(child: impl FnOnce()) -> WaitStatus {
    status(|| {
        child();
        0
    })
}

fn status(child: impl FnOnce() -> i32) -> WaitStatus {
    // SAFETY: the child makes only async-signal-safe calls: `prctl`, those of `child`, and `_exit`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // A child that is meant to crash leaves no core file.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        let code = child();
        // SAFETY: it runs no handlers of the parent.
        unsafe { libc::_exit(code) };
    }
    let pid = Pid::from_raw(pid).expect("the fork succeeds");
    waitpid(Some(pid), WaitOptions::empty()).expect("the child can be waited for").expect("it has ended").1
}
