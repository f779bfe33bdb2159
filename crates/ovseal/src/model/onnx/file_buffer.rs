//! A file as the input of a protobuf decoder.

use std::cell::RefCell;
use std::io;

use prost::bytes::Buf;

use crate::model::source::SourceReader;

/// A file as the input of a protobuf decoder: what the decoder skips is never read.
pub(super) struct FileBuffer<'f> {
    file: &'f SourceReader,
    window: Vec<u8>,
    /// Position in the window.
    position: usize,
    /// Offset in the file at which the window ends.
    end: u64,
    length: u64,
    error: &'f RefCell<Option<io::ErrorKind>>,
}

impl<'f> FileBuffer<'f> {
    const WINDOW: u64 = 64 << 10;

    /// The first `length` bytes of `file`; the first read error goes to `error`.
    pub(super) fn new(
        file: &'f SourceReader,
        length: u64,
        error: &'f RefCell<Option<io::ErrorKind>>,
    ) -> Self {
        let mut buffer = Self { file, window: Vec::new(), position: 0, end: 0, length, error };
        buffer.refill(0);
        buffer
    }

    fn refill(&mut self, offset: u64) {
        let wanted = (self.length - offset).min(Self::WINDOW);
        self.window.resize(wanted as usize, 0);
        self.position = 0;
        self.end = offset + wanted;
        if let Err(error) = self.file.read_exact_at(&mut self.window, offset) {
            // The decoder can only be told that the input ends here.
            *self.error.borrow_mut() = Some(error.kind());
            self.window.clear();
            (self.end, self.length) = (offset, offset);
        }
    }
}

impl Buf for FileBuffer<'_> {
    fn remaining(&self) -> usize {
        self.window.len() - self.position + (self.length - self.end) as usize
    }

    fn chunk(&self) -> &[u8] {
        &self.window[self.position..]
    }

    fn advance(&mut self, count: usize) {
        let left = self.window.len() - self.position;
        if count < left {
            self.position += count;
        } else {
            let offset = self.end + (count - left) as u64;
            self.refill(offset.min(self.length));
        }
    }
}
