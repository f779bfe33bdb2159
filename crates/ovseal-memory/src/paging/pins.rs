//! Pins that keep pages from being released.

use std::sync::Mutex;

use crate::lock::lock;

/// A count of pins on all pages, and a flag for releasing the pages after the last one.
#[derive(Debug, Default)]
pub(super) struct Pins(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    count: usize,
    /// True after pages were released: pages brought in by a pin are then released again.
    is_released: bool,
    /// True if pages are to be released after the last pin.
    is_due: bool,
}

impl Pins {
    /// Keeps all pages in place from now on.
    pub(super) fn pin(&self) {
        let mut state = lock(&self.0);
        state.count += 1;
        state.is_due |= state.is_released;
    }

    /// Undoes one [`Pins::pin`]. After the last one, calls `release` if that is due.
    pub(super) fn unpin(&self, release: impl FnOnce()) {
        let mut state = lock(&self.0);
        state.count -= 1;
        if state.count == 0 && std::mem::take(&mut state.is_due) {
            release();
        }
    }

    /// Calls `work` if nothing is pinned, and prevents pinning until it returns.
    pub(super) fn if_unpinned(&self, work: impl FnOnce()) {
        let state = lock(&self.0);
        if state.count == 0 {
            work();
        }
    }

    /// Calls `release` if nothing is pinned, and prevents pinning until it returns.
    ///
    /// Returns whether `release` was called. If not, it is due after the last pin.
    pub(super) fn unless_pinned(&self, release: impl FnOnce()) -> bool {
        let mut state = lock(&self.0);
        state.is_released = true;
        state.is_due = state.count > 0;
        if state.count == 0 {
            release();
        }
        state.count == 0
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn pages_go_after_the_last_pin() {
        let (pins, released) = (Pins::default(), Cell::new(0));
        let release = || released.set(released.get() + 1);
        pins.pin();
        pins.unpin(release);
        assert_eq!(released.get(), 0, "no release was asked for");
        pins.pin();
        pins.pin();
        assert!(!pins.unless_pinned(release));
        pins.unpin(release);
        assert_eq!(released.get(), 0, "one pin is left");
        pins.unpin(release);
        assert_eq!(released.get(), 1);
    }

    #[test]
    fn pages_that_were_released_before_go_again() {
        let (pins, released) = (Pins::default(), Cell::new(0));
        let release = || released.set(released.get() + 1);
        assert!(pins.unless_pinned(release));
        pins.pin();
        pins.unpin(release);
        assert_eq!(released.get(), 2);
    }
}
