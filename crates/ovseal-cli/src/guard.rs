//! Panics: caught, and reported without their message.

use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{CommandError, Kind};

/// A part of this program broke its own rules.
#[derive(Debug, thiserror::Error)]
#[error("internal error at {place}; this is a bug of ovseal")]
struct Bug {
    place: String,
}

/// Runs `work`; a panic in it, or in a thread whose panic it passes on, becomes an error that names the place of the
/// first one.
pub(crate) fn catch(work: impl FnOnce() -> Result<(), CommandError>) -> Result<(), CommandError> {
    let place = Arc::new(Mutex::new(None));
    let hook = panic::take_hook();
    panic::set_hook(remember(Arc::clone(&place)));
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(hook);
    outcome.unwrap_or_else(|_| {
        let place = place.lock().unwrap_or_else(PoisonError::into_inner).take();
        let place = place.unwrap_or_else(|| "an unknown place".to_owned());
        Err(CommandError::new(Kind::Internal, Bug { place }))
    })
}

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// Keeps the place of the first panic, and prints nothing: messages and backtraces may hold secrets.
fn remember(place: Arc<Mutex<Option<String>>>) -> Hook {
    Box::new(move |info| {
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        place.get_or_insert_with(|| info.location().map_or_else(String::new, ToString::to_string));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_that_tells_the_place_and_not_the_message() {
        let error = catch(|| panic!("hunter2")).unwrap_err();
        assert_eq!(error.code(), 255);
        let line = error.lines().next().unwrap();
        assert!(
            line.starts_with("ovseal: error: internal error at ") && line.contains("guard.rs:"),
            "{line}"
        );
        assert!(!line.contains("hunter2"), "{line}");
    }

    #[test]
    fn a_panic_that_a_thread_passes_on_tells_its_first_place() {
        let error = catch(|| {
            let worker = std::thread::spawn(|| panic!("in a thread"));
            panic::resume_unwind(worker.join().unwrap_err())
        });
        assert!(error.unwrap_err().lines().next().unwrap().contains("guard.rs:"));
    }
}
