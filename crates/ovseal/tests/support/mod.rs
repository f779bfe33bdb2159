//! Containers that claim to be huge, and the peak memory of a process.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use aws_lc_rs::digest;
use ovseal_testkit::Fixture;

/// A container whose statement claims one large part, which is a hole in the file.
pub(crate) struct Grown {
    pub(crate) path: PathBuf,
    /// Length of its tags and digests, in bytes.
    pub(crate) tables: u64,
}

/// Changes the container of a one-byte part so that the part claims to have `length` bytes.
///
/// The checksum in the footer is correct. The trailer's MAC is wrong, because computing it would
/// require the key.
pub(crate) fn grow(fixture: &Fixture, length: u64) -> Grown {
    // Sealing a large part would take minutes, so the numbers of a small container are changed.
    let path = fixture.container();
    let bytes = std::fs::read(&path).unwrap();
    let footer = &bytes[bytes.len() - 256..];
    let field = |at: usize| u64::from_be_bytes(footer[at..at + 8].try_into().unwrap());
    let (trailer, manifest, statement, signatures) = (field(24), field(48), field(56), field(64));
    let at = (trailer + field(32) + field(40)) as usize;
    let (encrypted, rest) = bytes[at..].split_at(manifest as usize);
    let (old, rest) = rest.split_at(statement as usize);
    // Key 1 of the statement, with an array of one length, which is 1.
    let lengths = old.windows(3).position(|window| window == [0x01, 0x81, 0x01]).unwrap();
    let longer = [&[0x01, 0x81, 0x1b][..], &length.to_be_bytes()].concat();
    let new = [&old[..lengths], &longer, &old[lengths + 3..]].concat();
    let chunks = length.div_ceil(1 << bytes[16]);
    let trailer = 69_632 + length.next_multiple_of(4096);
    let end = trailer + 48 * chunks + manifest + new.len() as u64 + signatures + 32;
    let numbers = [end + 256, trailer, 16 * chunks, 32 * chunks, manifest, new.len() as u64, signatures];
    let mut footer = footer.to_vec();
    for (at, number) in (16..).step_by(8).zip(numbers) {
        footer[at..at + 8].copy_from_slice(&number.to_be_bytes());
    }
    let mut file = File::options().read(true).write(true).open(&path).unwrap();
    file.set_len(69_632).unwrap();
    let tail = [encrypted, &new, &rest[..signatures as usize + 32]].concat();
    file.write_all_at(&tail, trailer + 48 * chunks).unwrap();
    footer[72..104].copy_from_slice(&checksum(&mut file, trailer));
    file.write_all_at(&footer, end).unwrap();
    Grown { path, tables: 48 * chunks }
}

/// Returns the SHA-256 digest of the file, starting at `offset`.
fn checksum(file: &mut File, offset: u64) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    file.seek(SeekFrom::Start(offset)).unwrap();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => context.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => panic!("{error}"),
        }
    }
    context.finish().as_ref().try_into().unwrap()
}

/// Returns the peak resident memory of this process in bytes; each test runs in its own process.
pub(crate) fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
