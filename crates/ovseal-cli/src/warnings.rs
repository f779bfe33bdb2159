//! Warnings about how a secret is kept, each given once.

use std::sync::Once;

use ovseal_memory::{Missing, protections};

use crate::input::Source;
use crate::output::Output;

/// Warns that other users can read the file of a secret.
pub(crate) fn exposed(source: &Source, mode: u32) {
    warn(&format!("{source} can be accessed by other users (mode {mode:o}): chmod 600 {source}"));
}

/// Warns once that keys may be swapped to a disk, where neither secret nor locked memory is available.
pub(crate) fn unlocked_keys() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if protections().missing().contains(&Missing::KeyMemory) {
            warn("keys are not locked in memory and may be swapped to disk: raise the limit, ulimit -l");
        }
    });
}

/// Secrets are read where no command's own output is at hand.
fn warn(message: &str) {
    Output::standard().warning(message);
}
