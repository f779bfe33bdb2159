//! Threads that run no signal handlers of the program.

use std::mem::MaybeUninit;

/// Blocks all signals, except those of a thread's own faults, in threads that `start` creates.
///
/// A signal handler of the program may read paged memory. On a thread that fills the memory, the
/// handler would wait for its own thread.
pub(crate) fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    let before = change(libc::SIG_SETMASK, &all_but_faults());
    let started = start();
    change(libc::SIG_SETMASK, &before);
    started
}

/// Sets the signal mask of this thread and returns the previous one.
fn change(how: i32, mask: &libc::sigset_t) -> libc::sigset_t {
    let mut before = *mask;
    // SAFETY: both sets are valid, and a mask only decides when handlers run on this thread. The
    // call fails only for an invalid `how`.
    unsafe { libc::pthread_sigmask(how, mask, &raw mut before) };
    before
}

fn all_but_faults() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the function writes a whole set.
    unsafe { libc::sigfillset(set.as_mut_ptr()) };
    for signal in FAULTS {
        // SAFETY: the set was filled above.
        unsafe { libc::sigdelset(set.as_mut_ptr(), signal) };
    }
    // SAFETY: it was filled above.
    unsafe { set.assume_init() }
}

/// Signals that a thread raises itself. If blocked, they end the process without running a handler.
const FAULTS: [i32; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGABRT, libc::SIGSYS];

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the mask of blocked signals, bit 0 for signal 1.
    fn blocked() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap()
    }

    fn bit(signal: i32) -> u64 {
        1 << (signal - 1)
    }

    #[test]
    fn a_thread_gets_no_signals_but_its_own_faults_and_its_starter_keeps_its_mask() {
        let before = blocked();
        let inside = without_signals(|| std::thread::spawn(blocked)).join().unwrap();
        for signal in [libc::SIGALRM, libc::SIGINT, libc::SIGTERM, libc::SIGUSR1, libc::SIGCHLD] {
            assert_ne!(inside & bit(signal), 0, "{signal}");
        }
        assert!(FAULTS.iter().all(|signal| inside & bit(*signal) == 0));
        assert_eq!(blocked(), before);
    }
}
