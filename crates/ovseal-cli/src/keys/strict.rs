//! The requirements of `--strict` that concern every command.

use ovseal_memory::protections;

use super::trust::SenderOptions;
use crate::errors::{CommandError, Kind};

/// Rejects an unknown sender, and a host that lacks a protection of keys or plaintext.
///
/// # Errors
/// Fails with exit code 5.
pub(crate) fn check_host(sender: &SenderOptions) -> Result<(), CommandError> {
    if sender.publishers.is_empty() {
        return Err(refused("the sender is unknown").hint("name the publisher with --publisher"));
    }
    match protections().missing().first() {
        None => Ok(()),
        Some(missing) => {
            Err(refused(&missing.to_string()).hint("ovseal doctor shows what this host supports"))
        }
    }
}

/// Returns the error for a missing protection.
pub(crate) fn refused(why: &str) -> CommandError {
    CommandError::message(Kind::Denied, format!("refused by --strict: {why}"))
}
