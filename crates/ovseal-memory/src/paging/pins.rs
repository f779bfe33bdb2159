//! Who keeps pages from being given back.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts those who keep all pages in place, and remembers that pages are to go when the last of them is done.
#[derive(Debug, Default)]
pub(super) struct Pins(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    count: usize,
    /// Pages were given back once: whoever brings them in for a while does not bring them in for good.
    is_released: bool,
    /// Pages are to go when nobody keeps them any more.
    is_due: bool,
}

impl Pins {
    /// Keeps all pages in place from now on.
    pub(super) fn take(&self) {
        let mut state = self.lock();
        state.count += 1;
        state.is_due |= state.is_released;
    }

    /// Ends what [`Pins::take`] began. The last one does `release` if it is due.
    pub(super) fn give_back(&self, release: impl FnOnce()) {
        let mut state = self.lock();
        state.count -= 1;
        if state.count == 0 && std::mem::take(&mut state.is_due) {
            release();
        }
    }

    /// Does `release`, during which nobody begins to keep pages, and says that it was done. While somebody does keep them, it
    /// is due later.
    pub(super) fn unless_taken(&self, release: impl FnOnce()) -> bool {
        let mut state = self.lock();
        state.is_released = true;
        state.is_due = state.count > 0;
        if state.count == 0 {
            release();
        }
        state.count == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn pages_go_when_the_last_one_is_done() {
        let (pins, released) = (Pins::default(), Cell::new(0));
        let release = || released.set(released.get() + 1);
        pins.take();
        pins.give_back(release);
        assert_eq!(released.get(), 0, "nobody asked");
        pins.take();
        pins.take();
        assert!(!pins.unless_taken(release));
        pins.give_back(release);
        assert_eq!(released.get(), 0, "one is left");
        pins.give_back(release);
        assert_eq!(released.get(), 1);
    }

    #[test]
    fn what_was_given_back_before_goes_again_afterwards() {
        let (pins, released) = (Pins::default(), Cell::new(0));
        let release = || released.set(released.get() + 1);
        assert!(pins.unless_taken(release));
        pins.take();
        pins.give_back(release);
        assert_eq!(released.get(), 2);
    }
}
