//! A flag that also wakes who sleeps in `poll(2)`.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Result;

/// Tells threads to end. It is never taken back.
#[derive(Debug)]
pub(super) struct Shutdown {
    flag: AtomicBool,
    event: OwnedFd,
}

impl Shutdown {
    pub(super) fn new() -> Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { flag: AtomicBool::new(false), event })
    }

    pub(super) fn set(&self) {
        self.flag.store(true, Ordering::Release);
        self.nudge();
    }

    /// Wakes the one thread that sleeps in [`Shutdown::wait_for`], and lets it go on.
    pub(super) fn nudge(&self) {
        // It could fail only when the counter is full, and then the sleeper is awake.
        let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
    }

    pub(super) fn is_set(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }

    /// Sleeps until `source` can be read or [`Shutdown::nudge`] was called, and gives `false` when the threads are to end
    /// instead. One thread may sleep here at a time.
    pub(super) fn wait_for(&self, source: impl AsFd) -> bool {
        if !self.is_set() {
            let mut waited = [PollFd::new(&source, PollFlags::IN), PollFd::new(&self.event, PollFlags::IN)];
            // Whatever wakes it, a signal too, the caller looks itself whether there is something to read.
            let _ = poll(&mut waited, None);
            // The flag is set before the event is written, so whoever takes the event away sees it below.
            let _ = rustix::io::read(&self.event, &mut [0; 8]);
        }
        !self.is_set()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn something_to_read_wakes_and_stopping_does_for_ever() {
        let (shutdown, (reader, mut writer)) = (Shutdown::new().unwrap(), std::io::pipe().unwrap());
        writer.write_all(b"1").unwrap();
        assert!(shutdown.wait_for(&reader) && !shutdown.is_set());
        let empty = std::io::pipe().unwrap();
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| shutdown.wait_for(&empty.0));
            shutdown.set();
            assert!(!sleeper.join().unwrap());
            assert!(!shutdown.wait_for(&empty.0) && shutdown.is_set());
        });
    }
}
