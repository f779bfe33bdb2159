//! The options of `ovseal run`.

mod run;
mod size;

pub(crate) use crate::keys::KeyOptions;
pub(crate) use crate::keys::trust::TrustOptions;
pub(crate) use run::{OpeningChoice, RunArgs};
