//! Output, prompts, progress and new files.

mod interrupt;
mod new_file;
mod output;
mod progress;
pub(crate) mod prompt;
mod service;
mod signals;
pub(crate) mod text;

pub(crate) use interrupt::Interrupt;
pub(crate) use new_file::{NewFile, PRIVATE, PUBLIC, refuse_existing};
pub(crate) use output::{Output, warn_unlocked_keys};
pub(crate) use progress::Progress;
pub(crate) use service::ServiceManager;
pub(crate) use signals::Signals;
