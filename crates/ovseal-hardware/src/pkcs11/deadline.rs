//! Calls into a module, which may never return.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::TokenError;

/// Time limit of a call to a module, during which a person may have to touch the token.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Runs `call` on a separate thread and returns its result.
///
/// A call that never returns keeps its thread, but the process can continue and end.
///
/// # Errors
/// Any error of `call`; [`TokenError::Unanswered`] if it takes longer than `deadline`.
pub(super) fn within<T: Send + 'static>(
    deadline: Duration,
    call: impl FnOnce() -> Result<T, TokenError> + Send + 'static,
) -> Result<T, TokenError> {
    let (answer, answered) = mpsc::sync_channel(1);
    let work = move || {
        // After the deadline, the caller no longer waits.
        let _ = answer.send(call());
    };
    thread::Builder::new().name("pkcs11".into()).spawn(work).map_err(TokenError::Thread)?;
    answered.recv_timeout(deadline).unwrap_or(Err(TokenError::Unanswered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_does_not_return_is_abandoned() {
        let (keep, gone) = mpsc::channel::<()>();
        let stuck = within(Duration::from_millis(20), move || {
            let _ = gone.recv();
            Ok(())
        });
        assert!(matches!(stuck, Err(TokenError::Unanswered)));
        drop(keep);
    }

    #[test]
    fn an_answer_in_time_is_returned() {
        assert_eq!(within(DEADLINE, || Ok(7)).unwrap(), 7);
        assert!(matches!(within::<()>(DEADLINE, || Err(TokenError::PinLocked)), Err(TokenError::PinLocked)));
    }
}
