//! Calls into a module, which may never come back.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::TokenError;

/// How long a call to a module may take: a person may have to touch the token.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The answer of `call`, which is made on a thread of its own.
///
/// A call that does not come back keeps its thread; the process can go on, and end.
///
/// # Errors
/// Those of `call`; [`TokenError::Unanswered`] when it takes longer than `deadline`.
pub(super) fn within<T: Send + 'static>(
    deadline: Duration,
    call: impl FnOnce() -> Result<T, TokenError> + Send + 'static,
) -> Result<T, TokenError> {
    let (answer, answered) = mpsc::sync_channel(1);
    let work = move || {
        // Nobody waits any more when the deadline has passed.
        let _ = answer.send(call());
    };
    thread::Builder::new().name("pkcs11".into()).spawn(work).map_err(TokenError::Thread)?;
    answered.recv_timeout(deadline).unwrap_or(Err(TokenError::Unanswered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_does_not_come_back_is_given_up() {
        let (keep, gone) = mpsc::channel::<()>();
        let stuck = within(Duration::from_millis(20), move || {
            let _ = gone.recv();
            Ok(())
        });
        assert!(matches!(stuck, Err(TokenError::Unanswered)));
        drop(keep);
    }

    #[test]
    fn an_answer_in_time_is_handed_on() {
        assert_eq!(within(DEADLINE, || Ok(7)).unwrap(), 7);
        assert!(matches!(within::<()>(DEADLINE, || Err(TokenError::PinLocked)), Err(TokenError::PinLocked)));
    }
}
