//! The page cache: which part of a file is in it, and getting it in or out.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr;

use rustix::fs::Advice;

use crate::Result;

/// Brings all of a file into memory.
pub(crate) fn warm(path: &Path) -> Result<()> {
    let mut file = File::open(path)?;
    if residency(&file)? < 1.0 {
        let mut buffer = vec![0; 1 << 20];
        while file.read(&mut buffer)? > 0 {}
    }
    Ok(())
}

/// Gets all of a file out of memory.
pub(crate) fn chill(path: &Path) -> Result<()> {
    let file = File::open(path)?;
    // Pages that are not written yet would stay.
    file.sync_all()?;
    rustix::fs::fadvise(&file, 0, None, Advice::DontNeed)?;
    let left = residency(&file)?;
    if left > MOST_LEFT {
        let (path, percent) = (path.display(), left * 100.0);
        return Err(format!("{percent:.0} % of {path} cannot be got out of the page cache").into());
    }
    Ok(())
}

/// How much of a file is in memory, from 0 to 1.
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

/// A file in the address space, which is never read there.
struct Mapping {
    start: *mut libc::c_void,
    length: usize,
}

impl Mapping {
    fn of(file: &File, length: usize) -> Result<Self> {
        let (protection, flags) = (libc::PROT_READ, libc::MAP_SHARED);
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error().into());
        }
        Ok(Self { start, length })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nothing points into it.
        unsafe { libc::munmap(self.start, self.length) };
    }
}

/// Whoever looks at a file's first bytes meanwhile may bring some pages back.
const MOST_LEFT: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;

    /// Beside the program, since the folder for temporary files may be in memory for good.
    #[test]
    fn a_file_is_got_out_of_memory_and_in_again() {
        let path = std::env::current_exe().unwrap().with_extension("page-cache");
        std::fs::write(&path, vec![7; 1 << 20]).unwrap();
        chill(&path).unwrap();
        assert!(residency(&File::open(&path).unwrap()).unwrap() <= MOST_LEFT);
        warm(&path).unwrap();
        assert_eq!(residency(&File::open(&path).unwrap()).unwrap(), 1.0);
        std::fs::remove_file(&path).unwrap();
    }
}
