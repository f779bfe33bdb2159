//! The source from which a container is read.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;

use rustix::fs::Advice;

/// Bytes that can be read at any offset, by several threads at once.
pub trait ReadAt: Send + Sync {
    /// Returns the number of bytes.
    ///
    /// # Errors
    /// Any error of the operating system.
    fn length(&self) -> io::Result<u64>;

    /// Fills `buffer` with the bytes starting at `offset`.
    ///
    /// # Errors
    /// Any error of the operating system, or [`io::ErrorKind::UnexpectedEof`] if there are too few
    /// bytes.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Hints that `length` bytes from `offset` on will be read soon. Does nothing by default.
    fn expect(&self, _offset: u64, _length: u64) {}
}

impl ReadAt for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }

    /// Asks the kernel to read the bytes into the page cache.
    fn expect(&self, offset: u64, length: u64) {
        // A file system may not support it. The bytes are read later then.
        let _ = rustix::fs::fadvise(self, offset, NonZeroU64::new(length), Advice::WillNeed);
    }
}

impl ReadAt for Vec<u8> {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let bytes = self.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Reads `length` bytes starting at `offset`, as arrays, without a copy.
///
/// The caller has checked that `length` is a multiple of `N` and within a limit.
pub(crate) fn read_arrays<const N: usize>(
    source: &dyn ReadAt,
    offset: u64,
    length: u64,
) -> io::Result<Vec<[u8; N]>> {
    let mut arrays = vec![[0; N]; length as usize / N];
    source.read_exact_at(arrays.as_flattened_mut(), offset)?;
    Ok(arrays)
}

/// Reads `length` bytes starting at `offset`. The caller has checked `length` against a limit.
pub(crate) fn read_vec(source: &dyn ReadAt, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length as usize];
    source.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}
