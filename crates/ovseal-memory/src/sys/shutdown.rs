//! A flag that wakes a thread sleeping in `poll(2)`.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Result;

/// A request that threads end, which is never withdrawn.
#[derive(Debug)]
pub(crate) struct Shutdown {
    flag: AtomicBool,
    event: OwnedFd,
}

impl Shutdown {
    pub(crate) fn new() -> Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { flag: AtomicBool::new(false), event })
    }

    pub(crate) fn set(&self) {
        self.flag.store(true, Ordering::Release);
        self.nudge();
    }

    /// Wakes the one thread that sleeps in [`Shutdown::wait_for`], without asking it to end.
    pub(crate) fn nudge(&self) {
        // This fails only if the counter is full, in which case the sleeper is awake.
        let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
    }

    pub(crate) fn is_set(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }

    /// Sleeps until `source` is readable, [`Shutdown::nudge`] was called, or `limit` has passed.
    ///
    /// Returns `false` if the threads are to end instead. One thread at a time may sleep here.
    pub(crate) fn wait_for(&self, source: impl AsFd, limit: Option<Duration>) -> bool {
        if !self.is_set() {
            let mut waited = [PollFd::new(&source, PollFlags::IN), PollFd::new(&self.event, PollFlags::IN)];
            // A signal may also wake the thread, so the caller checks whether there is something to
            // read.
            let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
            let _ = poll(&mut waited, limit.as_ref());
            // The flag is set before the event is written, so after reading the event the thread
            // sees the flag.
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
        assert!(shutdown.wait_for(&reader, None) && !shutdown.is_set());
        let empty = std::io::pipe().unwrap();
        assert!(shutdown.wait_for(&empty.0, Some(Duration::from_millis(1))));
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| shutdown.wait_for(&empty.0, None));
            shutdown.set();
            assert!(!sleeper.join().unwrap());
            assert!(!shutdown.wait_for(&empty.0, None) && shutdown.is_set());
        });
    }
}
