use std::fmt;
use std::io::{self, Read};

use zeroize::Zeroize;

use crate::error::MemoryError;
use crate::pages::{Kind, Pages, SecretPages};

/// Secret bytes of variable length, at most 64 KiB, such as a passphrase or a key file.
///
/// They use the same memory as [`Secret`](crate::Secret). The buffer never grows past its capacity,
/// so it never moves and leaves no copies behind.
///
/// ```
/// use ovseal_memory::SecretBytes;
///
/// let passphrase = SecretBytes::read_from(&mut "open sesame\n".as_bytes(), 1024)?;
/// assert_eq!(passphrase.expose(), b"open sesame\n");
/// assert_eq!(format!("{passphrase:?}"), "SecretBytes(..)");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct SecretBytes {
    pages: SecretPages,
    length: usize,
    capacity: usize,
}

impl SecretBytes {
    /// Maximum capacity of a buffer: 64 KiB.
    pub const LIMIT: usize = 64 * 1024;

    /// Creates an empty buffer for `capacity` bytes.
    ///
    /// # Errors
    ///
    /// [`MemoryError::TooLong`] above [`SecretBytes::LIMIT`], [`MemoryError::Map`] if there is no
    /// memory.
    pub fn with_capacity(capacity: usize) -> Result<Self, MemoryError> {
        Self::with_spare(capacity, 0)
    }

    /// Creates a buffer with a copy of `bytes` and no room for more.
    ///
    /// # Errors
    ///
    /// Any error of [`SecretBytes::with_capacity`].
    pub fn from_slice(bytes: &[u8]) -> Result<Self, MemoryError> {
        let mut buffer = Self::with_capacity(bytes.len())?;
        buffer.extend(bytes)?;
        Ok(buffer)
    }

    /// Reads to the end, at most `limit` bytes, straight into secret memory.
    ///
    /// Do not pass a buffered reader: it keeps copies in its buffer.
    ///
    /// # Errors
    ///
    /// Any error of the reader. `InvalidData` with [`MemoryError::InputTooLong`] inside if the
    /// input is longer than `limit` bytes. `InvalidInput` if `limit` is above
    /// [`SecretBytes::LIMIT`].
    pub fn read_from(reader: &mut impl Read, limit: usize) -> io::Result<Self> {
        // Reading one byte past the limit shows whether the input ends there.
        let mut buffer = Self::with_spare(limit, 1).map_err(into_io)?;
        while buffer.length <= limit {
            match reader.read(&mut buffer.pages.bytes_mut()[buffer.length..=limit]) {
                Ok(0) => return Ok(buffer),
                Ok(count) => buffer.length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, MemoryError::InputTooLong { limit }))
    }

    /// Appends bytes.
    ///
    /// # Errors
    ///
    /// [`MemoryError::Full`] if they do not all fit. In that case, none is appended.
    pub fn extend(&mut self, bytes: &[u8]) -> Result<(), MemoryError> {
        let needed = self.length.saturating_add(bytes.len());
        if needed > self.capacity {
            return Err(MemoryError::Full { needed, capacity: self.capacity });
        }
        self.pages.bytes_mut()[self.length..needed].copy_from_slice(bytes);
        self.length = needed;
        Ok(())
    }

    /// Appends one byte.
    ///
    /// # Errors
    ///
    /// [`MemoryError::Full`] if there is no room.
    pub fn push(&mut self, byte: u8) -> Result<(), MemoryError> {
        self.extend(&[byte])
    }

    /// Shortens the buffer to `length` bytes, if it is longer, and zeroizes the rest.
    pub fn truncate(&mut self, length: usize) {
        if length < self.length {
            self.pages.bytes_mut()[length..self.length].zeroize();
            self.length = length;
        }
    }

    /// Returns the bytes.
    ///
    /// Aborts a forked child of the process that made the buffer, because the child has no copy of
    /// the bytes.
    pub fn expose(&self) -> &[u8] {
        &self.pages.bytes()[..self.length]
    }

    /// Returns the bytes, writable. Aborts a forked child, as [`SecretBytes::expose`] does.
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.pages.bytes_mut()[..self.length]
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Returns whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns the number of bytes that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns whether the bytes can never be swapped out: they are in secret or locked memory.
    pub fn is_locked(&self) -> bool {
        self.pages.kind() != Kind::Unlocked
    }

    fn with_spare(capacity: usize, spare: usize) -> Result<Self, MemoryError> {
        if capacity > Self::LIMIT {
            return Err(MemoryError::TooLong { length: capacity, limit: Self::LIMIT });
        }
        let pages = SecretPages::new(capacity + spare)
            .map_err(|error| MemoryError::Map { length: capacity, source: error.into() })?;
        Ok(Self { pages, length: 0, capacity })
    }
}

impl Pages for SecretBytes {
    fn pages(&self) -> &SecretPages {
        &self.pages
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretBytes(..)")
    }
}

fn into_io(error: MemoryError) -> io::Error {
    let kind = match error {
        MemoryError::Map { .. } => io::ErrorKind::OutOfMemory,
        _ => io::ErrorKind::InvalidInput,
    };
    io::Error::new(kind, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that returns one byte at a time, with an interruption before each.
    struct Dribble<'a>(&'a [u8], bool);

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let count = 1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn too_long(error: &io::Error) -> &MemoryError {
        error.get_ref().unwrap().downcast_ref().unwrap()
    }

    #[test]
    fn bytes_are_added_up_to_the_capacity_and_not_beyond() {
        let mut buffer = SecretBytes::with_capacity(4).unwrap();
        buffer.extend(b"abc").unwrap();
        assert!(matches!(buffer.extend(b"de"), Err(MemoryError::Full { needed: 5, capacity: 4 })));
        buffer.push(b'd').unwrap();
        assert!(matches!(buffer.push(b'e'), Err(MemoryError::Full { needed: 5, capacity: 4 })));
        assert_eq!(buffer.expose(), b"abcd");
    }

    #[test]
    fn more_than_the_limit_is_rejected() {
        let rejected = SecretBytes::with_capacity(SecretBytes::LIMIT + 1);
        assert!(matches!(rejected, Err(MemoryError::TooLong { length: 65537, limit: 65536 })));
        assert_eq!(SecretBytes::from_slice(&[3; SecretBytes::LIMIT]).unwrap().len(), SecretBytes::LIMIT);
    }

    #[test]
    fn a_reader_of_exactly_the_limit_is_read() {
        let bytes = vec![0x5A; SecretBytes::LIMIT];
        let buffer = SecretBytes::read_from(&mut bytes.as_slice(), SecretBytes::LIMIT).unwrap();
        assert_eq!((buffer.expose(), buffer.capacity()), (bytes.as_slice(), SecretBytes::LIMIT));
    }

    #[test]
    fn a_reader_of_one_byte_more_is_rejected() {
        let error = SecretBytes::read_from(&mut [1; 17].as_slice(), 16).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(matches!(too_long(&error), MemoryError::InputTooLong { limit: 16 }));
    }

    #[test]
    fn a_limit_above_the_highest_is_rejected_before_anything_is_read() {
        let mut reader = [1; 8].as_slice();
        let error = SecretBytes::read_from(&mut reader, SecretBytes::LIMIT + 1).unwrap_err();
        assert_eq!((error.kind(), reader.len()), (io::ErrorKind::InvalidInput, 8));
        assert!(matches!(too_long(&error), MemoryError::TooLong { length: 65537, limit: 65536 }));
    }

    #[test]
    fn a_slow_interrupted_reader_is_read_whole() {
        let buffer = SecretBytes::read_from(&mut Dribble(b"slowly", false), 6).unwrap();
        assert_eq!(buffer.expose(), b"slowly");
    }

    #[test]
    fn truncating_zeroizes_the_rest() {
        let mut buffer = SecretBytes::from_slice(b"secret\r\n").unwrap();
        buffer.truncate(6);
        buffer.truncate(100);
        assert_eq!(buffer.expose(), b"secret");
        assert_eq!(&buffer.pages.bytes()[6..8], [0, 0]);
    }

    #[test]
    fn an_empty_buffer_has_no_bytes() {
        let mut buffer = SecretBytes::from_slice(b"").unwrap();
        assert!(buffer.is_empty() && buffer.expose().is_empty() && buffer.expose_mut().is_empty());
        assert!(matches!(buffer.push(1), Err(MemoryError::Full { needed: 1, capacity: 0 })));
    }

    #[test]
    fn debug_shows_no_byte() {
        let buffer = SecretBytes::from_slice(b"hunter2").unwrap();
        assert_eq!(format!("{buffer:?} {buffer:#?}"), "SecretBytes(..) SecretBytes(..)");
    }
}
