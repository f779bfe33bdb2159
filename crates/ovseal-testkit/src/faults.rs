//! Doubles for faults that a real disk does not produce on request.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use ovseal::ReadAt;

/// A source whose reads start to fail, like those of a dying disk.
pub struct FailingSource {
    bytes: Vec<u8>,
    reads_left: AtomicU64,
    kind: io::ErrorKind,
}

impl FailingSource {
    /// Creates a source of these bytes. After `reads` reads, all fail with `kind`.
    pub fn new(bytes: Vec<u8>, reads: u64, kind: io::ErrorKind) -> Self {
        Self { bytes, reads_left: AtomicU64::new(reads), kind }
    }
}

impl ReadAt for FailingSource {
    fn length(&self) -> io::Result<u64> {
        self.bytes.length()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let left =
            self.reads_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map_err(|_| io::Error::from(self.kind))?;
        self.bytes.read_exact_at(buffer, offset)
    }
}
