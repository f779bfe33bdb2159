//! Descriptors that a process inherits when it starts.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};

/// Duplicates an open descriptor by number, for example one that the parent process left open.
///
/// Opening `/proc/self/fd/N` would require the right to open the file again. A process that was
/// handed a secret often lacks it. The duplicate shares its position with the original.
///
/// # Errors
/// Fails if no descriptor with this number is open.
pub fn inherited_descriptor(number: RawFd) -> io::Result<File> {
    if number < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the number is not -1, and the descriptor is used for this one call only. If it is not
    // open, the kernel reports that. If another thread closes it now, the kernel either duplicates
    // it or reports that it is not open.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    Ok(descriptor.try_clone_to_owned()?.into())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_duplicate_reads_what_the_original_would() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"secret").unwrap();
        drop(writer);
        let mut read = Vec::new();
        inherited_descriptor(reader.as_raw_fd()).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, b"secret");
    }

    #[test]
    fn a_number_that_is_not_open_is_refused() {
        assert_eq!(inherited_descriptor(-1).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(inherited_descriptor(1_000_000).unwrap_err().raw_os_error(), Some(9));
    }
}
