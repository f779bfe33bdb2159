//! Ends a command early, leaving nothing behind: Ctrl-C, a closed terminal, a request to terminate.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::errors::{CommandError, Kind};

/// Watches for signals that ask the program to end, so that it can clean up first.
///
/// A second signal ends the program immediately. Create this value after all prompts, so that
/// signals end prompts as usual. Signals ignored at the start stay ignored, for example under
/// `nohup`.
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Starts to watch for signals.
    ///
    /// # Errors
    /// Fails if a handler cannot be installed.
    pub(crate) fn notice() -> Result<Self, CommandError> {
        let noticed = Arc::new(AtomicBool::new(false));
        let register = |signal| -> io::Result<()> {
            flag::register_conditional_shutdown(signal, 128 + signal, noticed.clone())?;
            flag::register(signal, noticed.clone()).map(drop)
        };
        let ignored = ignored();
        let mut heeded =
            [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
        let registered = heeded.try_for_each(register);
        registered
            .map_err(|error| CommandError::new(Kind::Environment, error).context("cannot handle signals"))?;
        Ok(Self(noticed))
    }

    /// Returns whether the program should end.
    pub(crate) fn is_noticed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Checks that no signal has arrived.
    ///
    /// # Errors
    /// Fails after a signal.
    pub(crate) fn check(&self) -> Result<(), CommandError> {
        let error = || CommandError::message(Kind::Environment, "interrupted: nothing was written");
        if self.is_noticed() { Err(error()) } else { Ok(()) }
    }
}

/// Returns the ignored signals, signal 1 in the lowest bit; none if unknown.
pub(super) fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
