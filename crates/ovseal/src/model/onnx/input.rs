//! A source of protobuf bytes: memory or a file. Bytes that are skipped are not read from the file.

use std::io;

use super::OnnxError;

/// A sequence of bytes to read and skip.
pub(in crate::model) trait Input {
    /// Fills `bytes`.
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), OnnxError>;

    /// Skips `count` bytes.
    fn skip(&mut self, count: u64) -> Result<(), OnnxError>;
}

impl Input for &[u8] {
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), OnnxError> {
        let read = self.split_off(..bytes.len()).ok_or(OnnxError::Malformed)?;
        bytes.copy_from_slice(read);
        Ok(())
    }

    fn skip(&mut self, count: u64) -> Result<(), OnnxError> {
        let count = usize::try_from(count).map_err(|_| OnnxError::Malformed)?;
        self.split_off(..count).map(drop).ok_or(OnnxError::Malformed)
    }
}

/// A file read through a window.
pub(super) struct FileInput<R> {
    read: R,
    length: u64,
    /// Offset of the next byte.
    offset: u64,
    window: Vec<u8>,
    /// Offset of the window's first byte.
    start: u64,
}

impl<R: Fn(&mut [u8], u64) -> io::Result<()>> FileInput<R> {
    const WINDOW: u64 = 64 << 10;

    /// Creates an input of `length` bytes. `read` fills a buffer with the bytes at an offset.
    pub(super) fn new(length: u64, read: R) -> Self {
        Self { read, length, offset: 0, window: Vec::new(), start: 0 }
    }

    fn refill(&mut self) -> Result<(), OnnxError> {
        self.window.resize((self.length - self.offset).min(Self::WINDOW) as usize, 0);
        self.start = self.offset;
        (self.read)(&mut self.window, self.start).map_err(|error| OnnxError::Read(error.kind()))
    }
}

impl<R: Fn(&mut [u8], u64) -> io::Result<()>> Input for FileInput<R> {
    fn read(&mut self, mut bytes: &mut [u8]) -> Result<(), OnnxError> {
        while !bytes.is_empty() {
            if self.offset >= self.start + self.window.len() as u64 || self.offset < self.start {
                self.refill()?;
            }
            let available = &self.window[(self.offset - self.start) as usize..];
            let count = bytes.len().min(available.len());
            let part = bytes.split_off_mut(..count).filter(|_| count > 0).ok_or(OnnxError::Malformed)?;
            part.copy_from_slice(&available[..count]);
            self.offset += count as u64;
        }
        Ok(())
    }

    fn skip(&mut self, count: u64) -> Result<(), OnnxError> {
        let end = self.offset.checked_add(count).filter(|&end| end <= self.length);
        self.offset = end.ok_or(OnnxError::Malformed)?;
        Ok(())
    }
}
