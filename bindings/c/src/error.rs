//! The error object, and how every function of the interface runs.

use std::ffi::{CString, c_char};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::ptr;
use std::sync::{Mutex, Once, PoisonError};

use ovseal_frontend::{Code, Failure};

use crate::text::{c_string, pointer};

/// Why a call failed. Free it with `ovseal_error_free`.
///
/// Its texts live as long as it does. None of them quotes a key, a passphrase or plaintext.
pub struct ovseal_error {
    code: Code,
    message: CString,
    hint: Option<CString>,
    causes: Vec<CString>,
}

impl From<Failure> for ovseal_error {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code,
            message: c_string(&failure.message),
            hint: failure.hint.as_deref().map(c_string),
            causes: failure.causes.iter().map(|cause| c_string(cause)).collect(),
        }
    }
}

/// Whose fault it is: one of `OVSEAL_KIND_*`, the numbers that are also the command's exit codes; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_error_kind(error: Option<&ovseal_error>) -> u32 {
    error.map_or(0, |error| error.code.kind() as u32)
}

/// What went wrong: one of `OVSEAL_CODE_*`; 0 for NULL. A later version may add numbers of a known kind.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_error_code(error: Option<&ovseal_error>) -> u32 {
    error.map_or(0, |error| error.code.number())
}

/// The same in a sentence, in lower case and without its causes; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_error_message(error: Option<&ovseal_error>) -> *const c_char {
    pointer(error.map(|error| &error.message))
}

/// What helps; NULL where nothing is known to.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_error_hint(error: Option<&ovseal_error>) -> *const c_char {
    pointer(error.and_then(|error| error.hint.as_ref()))
}

/// How many causes are known.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_error_cause_count(error: Option<&ovseal_error>) -> usize {
    error.map_or(0, |error| error.causes.len())
}

/// The cause with this number, from 0: the nearest first; NULL beyond the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_error_cause(error: Option<&ovseal_error>, number: usize) -> *const c_char {
    pointer(error.and_then(|error| error.causes.get(number)))
}

/// Frees an error; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_error_free(error: Option<Box<ovseal_error>>) {
    drop(error);
}

/// Runs what a function of the interface does. A panic ends here: it must not unwind into C.
pub(crate) fn run(work: impl FnOnce() -> Result<(), Failure>) -> *mut ovseal_error {
    let failure = match caught(work) {
        Ok(Ok(())) => return ptr::null_mut(),
        Ok(Err(failure)) => failure,
        Err(place) => {
            Failure::new(Code::Internal, format!("internal error at {place}; this is a bug of ovseal"))
        }
    };
    Box::into_raw(Box::new(failure.into()))
}

/// Runs what a function does that has no error to return; `otherwise` when it panics.
pub(crate) fn run_or<T>(otherwise: T, work: impl FnOnce() -> T) -> T {
    caught(work).unwrap_or(otherwise)
}

/// Catches a panic, and gives its place. Nothing is printed: messages may hold secrets.
///
/// The hook is that of the library's own copy of Rust's runtime; a program's other Rust code has its own.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| panic::set_hook(Box::new(remember)));
    let place = |_| PLACE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    catch_unwind(AssertUnwindSafe(work)).map_err(place)
}

fn remember(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = place;
}

/// Where the last panic was.
static PLACE: Mutex<String> = Mutex::new(String::new());

/// The caller's mistake.
pub(crate) fn bad_argument(message: impl Into<String>) -> Failure {
    Failure::new(Code::BadArgument, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_object_that_tells_the_place_and_not_the_message() {
        let error = run(|| panic!("hunter2"));
        // SAFETY: `run` made it just now.
        let error = unsafe { Box::from_raw(error) };
        assert_eq!((ovseal_error_code(Some(&error)), ovseal_error_kind(Some(&error))), (25_500, 255));
        let message = error.message.to_str().unwrap();
        assert!(message.contains("error.rs:") && !message.contains("hunter2"), "{message}");
        assert_eq!(run_or(7, || panic!("tested")), 7);
    }
}
