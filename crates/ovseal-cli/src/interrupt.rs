//! Ending early without leaving anything behind: Ctrl-C, a closed terminal, a request to end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::{CommandError, Kind};

/// Notices signals that ask the program to end, so that it first removes what it has begun.
///
/// The second signal ends it at once. It is made after all prompts, which a signal is to end as usual. A signal that whoever
/// started the program had it ignore, as `nohup` does, stays ignored.
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Notices signals from now on.
    ///
    /// # Errors
    /// When the system refuses a handler.
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

    /// Whether the program is to end.
    pub(crate) fn is_noticed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Fails if the program is to end.
    ///
    /// # Errors
    /// After a signal.
    pub(crate) fn check(&self) -> Result<(), CommandError> {
        let error = || CommandError::message(Kind::Environment, "interrupted: nothing was written");
        if self.is_noticed() { Err(error()) } else { Ok(()) }
    }
}

/// The signals that are ignored, signal 1 in the lowest bit; none where the system does not tell.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
