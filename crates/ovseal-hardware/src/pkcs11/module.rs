//! The one module of a process, and the tokens behind it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::slot::{Slot, TokenInfo};

use super::deadline::{DEADLINE, within};
use super::{TokenError, Tries, Uri};
use crate::lock::lock;

/// A PKCS#11 module, loaded and initialized.
///
/// The module stays loaded until the process ends, because modules may not support a second
/// initialization. Do not use it in a forked child.
#[derive(Clone, Debug)]
pub struct Module {
    context: Pkcs11,
    path: PathBuf,
}

/// A token's description of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenSummary {
    /// The token's label, chosen by its owner.
    pub label: String,
    /// Its maker.
    pub manufacturer: String,
    /// Its model.
    pub model: String,
    /// Its serial number.
    pub serial: String,
    /// True if the token's private keys require a PIN.
    pub wants_pin: bool,
    /// True if the PIN is entered on the token itself.
    pub has_keypad: bool,
    /// The remaining tries, as reported by the token.
    pub tries: Tries,
    /// A URI that identifies the token.
    pub uri: Uri,
}

static LOADED: Mutex<Option<Module>> = Mutex::new(None);

impl Module {
    /// Loads the module at `path`, or returns the one already loaded from there.
    ///
    /// # Errors
    /// [`TokenError::Module`] if the module cannot be loaded, [`TokenError::OtherModule`] if this
    /// process has loaded a different one.
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        let mut loaded = lock(&LOADED);
        match &*loaded {
            Some(module) if module.path == path => Ok(module.clone()),
            Some(module) => Err(TokenError::OtherModule { loaded: module.path.clone() }),
            None => {
                let path = path.to_owned();
                let module = within(DEADLINE, move || Self::initialize(path))?;
                Ok(loaded.insert(module).clone())
            }
        }
    }

    /// Returns the tokens present now, in the module's order.
    ///
    /// # Errors
    /// [`TokenError::Refused`] if the module does not list them.
    pub fn tokens(&self) -> Result<Vec<TokenSummary>, TokenError> {
        Ok(self.slots()?.into_iter().map(|(_, summary)| summary).collect())
    }

    /// Returns the tokens with their slots, whose numbers may change at any time.
    pub(super) fn slots(&self) -> Result<Vec<(Slot, TokenSummary)>, TokenError> {
        let context = self.context.clone();
        within(DEADLINE, move || {
            let slots = context.get_slots_with_token().map_err(TokenError::of("list its slots"))?;
            // A token that has just been removed, or was never initialized, is skipped.
            let summary = |slot: Slot| Some((slot, context.get_token_info(slot).ok()?));
            let tokens = slots.into_iter().filter_map(summary).filter(|(_, info)| info.token_initialized());
            Ok(tokens.map(|(slot, info)| (slot, TokenSummary::of(&info))).collect())
        })
    }

    pub(super) fn context(&self) -> &Pkcs11 {
        &self.context
    }

    fn initialize(path: PathBuf) -> Result<Self, TokenError> {
        let context = Pkcs11::new(&path).and_then(|context| {
            match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
                // The application around this library may already use the module.
                Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(context),
                Err(error) => Err(error),
            }
        });
        match context {
            Ok(context) => Ok(Self { context, path }),
            Err(source) => Err(TokenError::Module { path, source }),
        }
    }
}

impl TokenSummary {
    pub(super) fn of(info: &TokenInfo) -> Self {
        let text = |text: &str| text.trim_end_matches([' ', '\0']).to_owned();
        let (label, serial) = (text(info.label()), text(info.serial_number()));
        Self {
            manufacturer: text(info.manufacturer_id()),
            model: text(info.model()),
            wants_pin: info.login_required(),
            has_keypad: info.protected_authentication_path(),
            tries: tries(info),
            uri: Uri::of_token(&label, &serial),
            label,
            serial,
        }
    }

    /// Returns whether it fits `uri`.
    pub(super) fn fits(&self, uri: &Uri) -> bool {
        let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        fits(&uri.label, &self.label)
            && fits(&uri.manufacturer, &self.manufacturer)
            && fits(&uri.model, &self.model)
            && fits(&uri.serial, &self.serial)
    }
}

fn tries(info: &TokenInfo) -> Tries {
    if info.user_pin_locked() {
        Tries::None
    } else if info.user_pin_final_try() {
        Tries::Last
    } else if info.user_pin_count_low() {
        Tries::Few
    } else {
        Tries::Unsaid
    }
}
