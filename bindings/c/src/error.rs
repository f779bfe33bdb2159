//! The error object, and the boundary that no panic crosses.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::ptr;
use std::sync::{Mutex, Once, PoisonError};

use ovseal_frontend::{Code, Failure};

use crate::text::{Required, c_string, give, pointer};

/// The error of a failed call. Free it with `ovseal_error_free`.
///
/// Its strings never quote a key, a passphrase or plaintext.
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
            message: c_string(failure.message),
            hint: failure.hint.map(c_string),
            causes: failure.causes.into_iter().map(c_string).collect(),
        }
    }
}

/// Returns the kind of failure: one of `OVSEAL_KIND_*`, which are also the command's exit codes; 0
/// for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_error_kind(error: Option<&ovseal_error>) -> u32 {
    error.map_or(0, |error| error.code.kind() as u32)
}

/// Returns the code of the failure: one of `OVSEAL_CODE_*`; 0 for NULL. A later version may add
/// codes of a known kind.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_error_code(error: Option<&ovseal_error>) -> u32 {
    error.map_or(0, |error| error.code.number())
}

/// Returns the failure as a phrase in lower case, without its causes; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_error_message(error: Option<&ovseal_error>) -> *const c_char {
    pointer(error.map(|error| &error.message))
}

/// Returns advice; NULL if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_error_hint(error: Option<&ovseal_error>) -> *const c_char {
    pointer(error.and_then(|error| error.hint.as_ref()))
}

/// Returns the number of causes; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_error_cause_count(error: Option<&ovseal_error>) -> usize {
    error.map_or(0, |error| error.causes.len())
}

/// Returns cause `number`, counted from 0, starting with the most direct one; NULL past the last.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_error_cause(error: Option<&ovseal_error>, number: usize) -> *const c_char {
    pointer(error.and_then(|error| error.causes.get(number)))
}

/// Frees an error.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_error_free(error: Option<Box<ovseal_error>>) {
    drop(error);
}

/// Runs the body of a function of the interface. Turns a panic, which must not unwind into C, into
/// an error.
pub(crate) fn run(work: impl FnOnce() -> Result<(), Failure>) -> *mut ovseal_error {
    let failure = match caught(work) {
        Ok(Ok(())) => return ptr::null_mut(),
        Ok(Err(failure)) => failure,
        Err(place) => {
            Failure::new(Code::Internal, format!("internal error at {place}; this is a bug in ovseal"))
        }
    };
    Box::into_raw(Box::new(failure.into()))
}

/// Runs the body of a function that creates an object, and hands it to the caller in `out`.
pub(crate) fn create<T>(
    out: Option<&mut MaybeUninit<*mut T>>,
    name: &str,
    work: impl FnOnce() -> Result<T, Failure>,
) -> *mut ovseal_error {
    run(|| {
        let out = out.required(name)?;
        give(out, work()?);
        Ok(())
    })
}

/// Runs the body of a function that cannot return an error. Returns `otherwise` if it panics.
pub(crate) fn run_or<T>(otherwise: T, work: impl FnOnce() -> T) -> T {
    caught(work).unwrap_or(otherwise)
}

/// Runs `work`, and returns the location of a panic. Prints nothing, because a message could
/// contain secrets.
///
/// The hook belongs to the library's own copy of Rust's runtime. Other Rust code in the process has
/// a separate copy.
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

/// The location of the last panic.
static PLACE: Mutex<String> = Mutex::new(String::new());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_place_but_not_its_message() {
        let error = run(|| panic!("hunter2"));
        // SAFETY: `run` has just allocated it.
        let error = unsafe { Box::from_raw(error) };
        assert_eq!((ovseal_error_code(Some(&error)), ovseal_error_kind(Some(&error))), (25_500, 255));
        let message = error.message.to_str().unwrap();
        assert!(message.contains("error.rs:") && !message.contains("hunter2"), "{message}");
        assert_eq!(run_or(7, || panic!("tested")), 7);
    }
}
