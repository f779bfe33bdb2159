//! Signals, received as events in the order of the caller's list.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::errors::{CommandError, Kind};

/// Watched signals. They no longer end the process, as long as it runs.
pub(crate) struct Signals(Vec<(i32, UnixStream)>);

impl Signals {
    /// Starts to watch for signals, except those that were ignored from the start, for example
    /// under `nohup`.
    ///
    /// # Errors
    /// Fails if a handler cannot be installed.
    pub(crate) fn watch(signals: &[i32]) -> Result<Self, CommandError> {
        let ignored = super::interrupt::ignored();
        let heeded = signals.iter().filter(|signal| ignored >> (*signal - 1) & 1 == 0);
        let watched: io::Result<Vec<_>> = heeded.map(|&signal| Ok((signal, receiver(signal)?))).collect();
        let failed = |error| CommandError::new(Kind::Environment, error).context("cannot handle signals");
        Ok(Self(watched.map_err(failed)?))
    }

    /// Waits for signals, and returns those that arrived, each once. Returns none after `timeout`.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Vec<i32> {
        let limit = Timespec::try_from(timeout).ok();
        let mut polled: Vec<_> =
            self.0.iter().map(|(_, stream)| PollFd::new(stream, PollFlags::IN)).collect();
        // A signal interrupts the call, and its handler has written by then.
        let _ = poll(&mut polled, limit.as_ref());
        drop(polled);
        self.0.iter_mut().filter_map(|(signal, stream)| drained(stream).then_some(*signal)).collect()
    }
}

/// Registers a signal, and returns the stream that receives a byte for each.
fn receiver(signal: i32) -> io::Result<UnixStream> {
    let (reader, writer) = UnixStream::pair()?;
    reader.set_nonblocking(true)?;
    writer.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(signal, writer)?;
    Ok(reader)
}

/// Empties a stream, and returns true if there was something in it.
fn drained(stream: &mut UnixStream) -> bool {
    let mut bytes = [0; 64];
    let mut any = false;
    while matches!(stream.read(&mut bytes), Ok(1..)) {
        any = true;
    }
    any
}

#[cfg(test)]
mod tests {
    use signal_hook::consts::{SIGUSR1, SIGWINCH};

    use super::*;

    #[test]
    fn a_signal_is_received_once_and_silence_ends() {
        let mut signals = Signals::watch(&[SIGUSR1, SIGWINCH]).unwrap();
        assert!(signals.wait(Duration::from_millis(1)).is_empty());
        for _ in 0..3 {
            signal_hook::low_level::raise(SIGWINCH).unwrap();
        }
        assert_eq!(signals.wait(Duration::from_secs(60)), [SIGWINCH]);
        assert!(signals.wait(Duration::from_millis(1)).is_empty());
    }
}
