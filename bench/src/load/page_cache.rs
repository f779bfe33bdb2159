//! The page cache: loading files into it, and dropping them.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr;

use rustix::fs::Advice;

use crate::Result;

/// Loads a whole file into the page cache.
pub(super) fn warm(path: &Path) -> Result<()> {
    let mut file = File::open(path)?;
    if residency(&file)? < 1.0 {
        let mut buffer = vec![0; 1 << 20];
        while file.read(&mut buffer)? > 0 {}
    }
    Ok(())
}

/// Drops a whole file from the page cache.
pub(super) fn chill(path: &Path) -> Result<()> {
    let file = File::open(path)?;
    // Dirty pages would stay.
    file.sync_all()?;
    rustix::fs::fadvise(&file, 0, None, Advice::DontNeed)?;
    let left = residency(&file)?;
    if left > MOST_LEFT {
        let (path, percent) = (path.display(), left * 100.0);
        return Err(format!("{percent:.0} % of {path} cannot be dropped from the page cache").into());
    }
    Ok(())
}

/// Returns the share of a file that is in the page cache, from 0 to 1.
fn residency(file: &File) -> Result<f64> {
    let length = usize::try_from(file.metadata()?.len())?;
    if length == 0 {
        return Ok(1.0);
    }
    let map = Mapping::of(file, length)?;
    let mut pages = vec![0_u8; length.div_ceil(rustix::param::page_size())];
    // SAFETY: the mapping has `length` bytes, and `pages` a byte for each of its pages.
    if unsafe { libc::mincore(map.start, length, pages.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error().into());
    }
    let resident = pages.iter().filter(|page| **page & 1 == 1).count();
    Ok(resident as f64 / pages.len() as f64)
}

/// A mapping of a file that is never read.
struct Mapping {
    start: *mut libc::c_void,
    length: usize,
}

impl Mapping {
    fn of(file: &File, length: usize) -> Result<Self> {
        let (protection, flags) = (libc::PROT_READ, libc::MAP_SHARED);
        // SAFETY: a new mapping at an address chosen by the kernel affects no existing mapping.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error().into());
        }
        Ok(Self { start, length })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping belongs to this value, and nothing points into it.
        unsafe { libc::munmap(self.start, self.length) };
    }
}

/// The share that may stay in the page cache, because another process that reads the file brings
/// pages back.
const MOST_LEFT: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes next to the program, because the directory for temporary files may be in memory.
    #[test]
    fn a_file_is_dropped_and_loaded_again() {
        let path = std::env::current_exe().unwrap().with_extension("page-cache");
        std::fs::write(&path, vec![7; 1 << 20]).unwrap();
        chill(&path).unwrap();
        assert!(residency(&File::open(&path).unwrap()).unwrap() <= MOST_LEFT);
        warm(&path).unwrap();
        assert_eq!(residency(&File::open(&path).unwrap()).unwrap(), 1.0);
        std::fs::remove_file(&path).unwrap();
    }
}
