//! A token in use, with a session.

use std::sync::{Arc, Mutex};

use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;

use super::deadline::{DEADLINE, within};
use super::{Module, Pin, TokenError, TokenSummary, Tries, Uri};
use crate::lock::lock;

/// A token with an open session.
///
/// Clones share the session. Only one thread uses it at a time.
#[derive(Clone, Debug)]
pub struct Token {
    module: Module,
    slot: Slot,
    summary: TokenSummary,
    session: Arc<Mutex<Session>>,
}

impl Token {
    /// Finds the one token that fits `uri` and opens a session for using keys.
    ///
    /// # Errors
    /// [`TokenError::NoToken`], [`TokenError::AmbiguousToken`], or an error of the module.
    pub fn find(module: &Module, uri: &Uri) -> Result<Self, TokenError> {
        Self::open(module, uri, false)
    }

    /// Finds the one token that fits `uri` and opens a session for creating keys.
    ///
    /// # Errors
    /// Any error of [`find`](Self::find).
    pub fn find_to_write(module: &Module, uri: &Uri) -> Result<Self, TokenError> {
        Self::open(module, uri, true)
    }

    /// Returns the token's description, as read when the token was found.
    pub fn summary(&self) -> &TokenSummary {
        &self.summary
    }

    /// Unlocks the token's private keys with the user's PIN.
    ///
    /// The PIN is tried once, because each wrong one brings the token closer to being locked.
    ///
    /// # Errors
    /// [`TokenError::PinWrong`], [`TokenError::PinLocked`], or an error of the module.
    pub fn log_in(&self, pin: &Pin) -> Result<(), TokenError> {
        let pin = pin.for_module();
        self.log_in_with(move |session| session.login(UserType::User, Some(&pin)))
    }

    /// Unlocks the token's private keys with a PIN entered on the token's keypad.
    ///
    /// # Errors
    /// Any error of [`log_in`](Self::log_in).
    pub fn log_in_by_keypad(&self) -> Result<(), TokenError> {
        self.log_in_with(|session| session.login(UserType::User, None))
    }

    /// Runs `work` with the session.
    ///
    /// # Errors
    /// Any error of `work`; [`TokenError::Unanswered`] if it takes too long,
    /// [`TokenError::Removed`] if the token is gone.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Session) -> Result<T, TokenError> + Send + 'static,
    ) -> Result<T, TokenError> {
        let session = Arc::clone(&self.session);
        within(DEADLINE, move || work(&lock(&session))).map_err(|error| self.explain(error))
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
            Err(error) => Err(TokenError::of("accept the PIN")(error)),
        });
        outcome.map_err(|error| match error {
            TokenError::PinWrong { label, .. } => TokenError::PinWrong { label, tries: self.tries() },
            error => error,
        })
    }

    /// Returns the remaining tries, as reported by the token now.
    fn tries(&self) -> Tries {
        self.summary_now().map_or(Tries::Unsaid, |summary| summary.tries)
    }

    /// Replaces an error of the module with [`TokenError::Removed`] if the token is gone.
    fn explain(&self, error: TokenError) -> TokenError {
        match error {
            TokenError::Refused { .. } if self.summary_now().is_none() => TokenError::Removed,
            error => error,
        }
    }

    fn summary_now(&self) -> Option<TokenSummary> {
        let (context, slot) = (self.module.context().clone(), self.slot);
        let info =
            within(DEADLINE, move || context.get_token_info(slot).map_err(TokenError::of("describe itself")));
        info.ok().map(|info| TokenSummary::of(&info)).filter(|now| now.serial == self.summary.serial)
    }
}
