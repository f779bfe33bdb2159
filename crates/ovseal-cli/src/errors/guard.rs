//! Catches panics and reports them without their messages.

use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Arc, Mutex, PoisonError};

use super::{CommandError, Kind};

/// A panic, which is a bug in this program.
#[derive(Debug, thiserror::Error)]
#[error("internal error at {place}; this is a bug in ovseal")]
struct Bug {
    place: String,
}

/// Runs `work`. A panic in it, or in a thread that it joins, becomes an error with its location.
pub(crate) fn catch(work: impl FnOnce() -> Result<(), CommandError>) -> Result<(), CommandError> {
    let place = Arc::new(Mutex::new(None));
    let hook = panic::take_hook();
    panic::set_hook(remember(Arc::clone(&place)));
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(hook);
    outcome.unwrap_or_else(|_| {
        let place = place.lock().unwrap_or_else(PoisonError::into_inner).take();
        let place = place.unwrap_or_else(|| "an unknown location".to_owned());
        Err(CommandError::new(Kind::Internal, Bug { place }))
    })
}

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// Records the location of the first panic. Prints nothing, because messages and backtraces may
/// contain secrets.
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
    fn a_panic_becomes_an_error_with_its_location_but_not_its_message() {
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
    fn a_panic_in_a_joined_thread_reports_its_first_location() {
        let error = catch(|| {
            let worker = std::thread::spawn(|| panic!("in a thread"));
            panic::resume_unwind(worker.join().unwrap_err())
        });
        assert!(error.unwrap_err().lines().next().unwrap().contains("guard.rs:"));
    }
}
