//! A token in use: a session, and whether it is unlocked.

use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;

use super::deadline::{DEADLINE, within};
use super::{Module, Pin, TokenError, TokenSummary, Tries, Uri};

/// A token, found and with a session open.
///
/// Clones share the session, of which only one thread at a time makes use.
#[derive(Clone, Debug)]
pub struct Token {
    module: Module,
    slot: Slot,
    summary: TokenSummary,
    session: Arc<Mutex<Session>>,
}

impl Token {
    /// Finds the one token that fits `uri` and opens a session with which keys can be used.
    ///
    /// # Errors
    /// [`TokenError::NoToken`], [`TokenError::AmbiguousToken`], or what the module says.
    pub fn find(module: &Module, uri: &Uri) -> Result<Self, TokenError> {
        Self::open(module, uri, false)
    }

    /// Finds the one token that fits `uri` and opens a session with which keys can be made.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn find_to_write(module: &Module, uri: &Uri) -> Result<Self, TokenError> {
        Self::open(module, uri, true)
    }

    /// What the token said of itself when it was found.
    pub fn summary(&self) -> &TokenSummary {
        &self.summary
    }

    /// Unlocks the token's private keys with the user's PIN, or has it typed on the token's own keypad.
    ///
    /// The PIN is tried once: each wrong one brings the token nearer to being locked.
    ///
    /// # Errors
    /// [`TokenError::PinWrong`], [`TokenError::PinLocked`], or what the module says.
    pub fn log_in(&self, pin: &Pin) -> Result<(), TokenError> {
        let pin = pin.for_module();
        self.log_in_with(move |session| session.login(UserType::User, Some(&pin)))
    }

    /// Unlocks the token's private keys by the token's own keypad.
    ///
    /// # Errors
    /// As [`log_in`](Self::log_in).
    pub fn log_in_by_keypad(&self) -> Result<(), TokenError> {
        self.log_in_with(|session| session.login(UserType::User, None))
    }

    /// Lets `work` use the session.
    ///
    /// # Errors
    /// Those of `work`; [`TokenError::Unanswered`] when it takes too long, [`TokenError::Removed`] when the token is gone.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Session) -> Result<T, TokenError> + Send + 'static,
    ) -> Result<T, TokenError> {
        let session = Arc::clone(&self.session);
        let outcome = within(DEADLINE, move || {
            let session = session.lock().unwrap_or_else(PoisonError::into_inner);
            work(&session)
        });
        outcome.map_err(|error| self.explain(error))
    }

    fn open(module: &Module, uri: &Uri, to_write: bool) -> Result<Self, TokenError> {
        let mut fitting = module.slots()?;
        fitting.retain(|(_, summary)| summary.fits(uri));
        if fitting.len() > 1 {
            return Err(TokenError::AmbiguousToken { uri: uri.to_string(), count: fitting.len() });
        }
        let Some((slot, summary)) = fitting.pop() else {
            return Err(TokenError::NoToken { uri: uri.to_string() });
        };
        let context = module.context().clone();
        let session = within(DEADLINE, move || {
            let session =
                if to_write { context.open_rw_session(slot) } else { context.open_ro_session(slot) };
            session.map_err(TokenError::of("open a session"))
        })?;
        Ok(Self { module: module.clone(), slot, summary, session: Arc::new(Mutex::new(session)) })
    }

    fn log_in_with(
        &self,
        log_in: impl FnOnce(&Session) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), TokenError> {
        let label = self.summary.label.clone();
        let outcome = self.ask(move |session| match log_in(session) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
                Err(TokenError::PinWrong { label, tries: Tries::Unsaid })
            }
            Err(error) => Err(TokenError::of("take the PIN")(error)),
        });
        outcome.map_err(|error| match error {
            TokenError::PinWrong { label, .. } => TokenError::PinWrong { label, tries: self.tries() },
            error => error,
        })
    }

    /// What the token says now of the tries that are left.
    fn tries(&self) -> Tries {
        self.summary_now().map_or(Tries::Unsaid, |summary| summary.tries)
    }

    /// A module may have any error for a token that was pulled out; whether it is there says more.
    fn explain(&self, error: TokenError) -> TokenError {
        match error {
            TokenError::Refused { .. } if self.summary_now().is_none() => TokenError::Removed,
            error => error,
        }
    }

    fn summary_now(&self) -> Option<TokenSummary> {
        let (context, slot) = (self.module.context().clone(), self.slot);
        let info =
            within(DEADLINE, move || context.get_token_info(slot).map_err(TokenError::of("tell what it is")));
        info.ok().map(|info| TokenSummary::of(&info)).filter(|now| now.serial == self.summary.serial)
    }
}
