//! Containers that are not files.

use std::ffi::{c_int, c_void};
use std::io;

use ovseal::ReadAt;

use crate::versioned::Versioned;

/// A container that is read through a callback. Start from `OVSEAL_SOURCE_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_source {
    /// `sizeof(ovseal_source)`.
    pub size: usize,
    /// Passed to the functions.
    pub context: *mut c_void,
    /// The length of the container in bytes.
    pub length: u64,
    /// Fills `buffer` with the `length` bytes at `offset` and returns 0. Any other result is a
    /// failure.
    ///
    /// Called from several threads at once. It must return normally: no exception and no `longjmp`
    /// may leave it.
    pub read: Option<
        unsafe extern "C" fn(context: *mut c_void, offset: u64, buffer: *mut u8, length: usize) -> c_int,
    >,
    /// Called once, when the container is no longer read; may be NULL.
    pub release: Option<unsafe extern "C" fn(context: *mut c_void)>,
}

// SAFETY: `repr(C)`, the size comes first, every member is one word, and zeros are NULL or 0.
unsafe impl Versioned for ovseal_source {}

/// The caller's source, owned by the library.
pub(crate) struct Source(pub(crate) ovseal_source);

// SAFETY: the header says that the function is called from several threads at once.
unsafe impl Send for Source {}
// SAFETY: as above.
unsafe impl Sync for Source {}

impl ReadAt for Source {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.length)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.0.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let read = self.0.read.ok_or_else(|| io::Error::other("the function is NULL"))?;
        // SAFETY: the buffer has that many bytes, and the caller passed both function and context.
        match unsafe { read(self.0.context, offset, buffer.as_mut_ptr(), buffer.len()) } {
            0 => Ok(()),
            answer => Err(io::Error::other(format!("the source returned {answer}"))),
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Some(release) = self.0.release {
            // SAFETY: nothing reads any more, and this is the only release.
            unsafe { release(self.0.context) };
        }
    }
}
