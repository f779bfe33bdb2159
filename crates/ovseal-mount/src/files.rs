//! The state of mounted files: reads, opens, and failures.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use fuser::Errno;
use ovseal::OpenError;
use zeroize::Zeroizing;

use crate::chunks::{Chunk, Chunks};
use crate::lock::lock;
use crate::tree::{File, Tree};

/// Files that are read by several threads at once. No byte leaves before its chunk is verified.
pub(crate) struct Files {
    pub(crate) tree: Tree,
    chunks: Chunks,
    /// The number of open descriptions of each file that has any.
    opens: Mutex<HashMap<u64, u64>>,
    /// The number of requests that are decrypting now.
    faults: AtomicUsize,
    refuses_opens: AtomicBool,
    failures: Failures,
}

/// A chunk that could not be read.
#[derive(Debug)]
pub struct Failure {
    /// The path of its file in the tree.
    pub path: String,
    /// The cause.
    pub error: OpenError,
}

/// A function that reports a failure.
pub(crate) type Report = Box<dyn Fn(&Failure) + Send + Sync>;

/// The first failure, and the function that reports it.
struct Failures {
    first: Mutex<Option<Failure>>,
    report: Report,
}

impl Files {
    /// Creates the state. `report` is called with the first failure, on any thread.
    pub(crate) fn new(tree: Tree, report: Report) -> Self {
        Self {
            tree,
            chunks: Chunks::default(),
            opens: Mutex::default(),
            faults: AtomicUsize::new(0),
            refuses_opens: AtomicBool::new(false),
            failures: Failures { first: Mutex::default(), report },
        }
    }

    /// Passes up to `size` bytes from `offset` on to `reply`: fewer only at the end of the file.
    ///
    /// # Errors
    /// `EISDIR` or `ENOENT` if this is not a file, `EINVAL` for a size that no kernel asks for,
    /// `EIO` if a chunk cannot be read or is not authentic.
    pub(crate) fn read<T>(
        &self,
        number: u64,
        offset: u64,
        size: u32,
        reply: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, Errno> {
        let file = self.tree.file(number).ok_or_else(|| self.not_a_file(number))?;
        if size > READ_LIMIT {
            return Err(Errno::EINVAL);
        }
        let end = offset.saturating_add(u64::from(size)).min(file.part.length());
        if offset >= end {
            return Ok(reply(&[]));
        }
        let (first, last) = (offset / file.chunk_size, (end - 1) / file.chunk_size);
        let range = |chunk: &Chunk, index: u64| {
            let start = index * file.chunk_size;
            let to = (end - start).min(chunk.len() as u64) as usize;
            offset.saturating_sub(start) as usize..to
        };
        if first == last {
            let chunk = self.fault(number, file, first)?;
            return Ok(reply(&chunk[range(&chunk, first)]));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity((end - offset) as usize));
        for index in first..=last {
            let chunk = self.fault(number, file, index)?;
            bytes.extend_from_slice(&chunk[range(&chunk, index)]);
        }
        Ok(reply(&bytes))
    }

    /// Returns a chunk for the thread that decrypts ahead.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn ahead(&self, number: u64, index: u64) -> Result<Arc<Chunk>, Errno> {
        let file = self.tree.file(number).ok_or(Errno::ENOENT)?;
        self.chunk(number, file, index)
    }

    /// Returns true if a request is decrypting a chunk, which is more urgent than decrypting ahead.
    pub(crate) fn is_faulting(&self) -> bool {
        self.faults.load(Ordering::Relaxed) > 0
    }

    /// Counts an open description. Returns `None` if no more may be opened, and otherwise true for
    /// the only one of its file.
    pub(crate) fn open(&self, number: u64) -> Option<bool> {
        if self.refuses_opens.load(Ordering::Acquire) {
            return None;
        }
        let mut opens = lock(&self.opens);
        let count = opens.entry(number).or_default();
        *count += 1;
        Some(*count == 1)
    }

    /// Counts a closed description, and returns true if it was the last of its file.
    pub(crate) fn close(&self, number: u64) -> bool {
        let mut opens = lock(&self.opens);
        let Some(count) = opens.get_mut(&number) else { return false };
        *count -= 1;
        let is_last = *count == 0;
        if is_last {
            opens.remove(&number);
        }
        is_last
    }

    /// Returns true if a file is open.
    pub(crate) fn is_open(&self, number: u64) -> bool {
        lock(&self.opens).contains_key(&number)
    }

    /// Returns the number of open descriptions of all files.
    pub(crate) fn open_count(&self) -> u64 {
        lock(&self.opens).values().sum()
    }

    /// Refuses to open files from now on.
    pub(crate) fn refuse_opens(&self) {
        self.refuses_opens.store(true, Ordering::Release);
    }

    /// Zeroizes the decrypted chunks of a file, or of all files.
    pub(crate) fn forget(&self, file: Option<u64>) {
        self.chunks.forget(file);
    }

    /// Takes the first failure, if there was one.
    pub(crate) fn take_failure(&self) -> Option<Failure> {
        lock(&self.failures.first).take()
    }

    fn not_a_file(&self, number: u64) -> Errno {
        if self.tree.node(number).is_some() { Errno::EISDIR } else { Errno::ENOENT }
    }

    fn fault(&self, number: u64, file: &File, index: u64) -> Result<Arc<Chunk>, Errno> {
        self.faults.fetch_add(1, Ordering::Relaxed);
        let chunk = self.chunk(number, file, index);
        self.faults.fetch_sub(1, Ordering::Relaxed);
        chunk
    }

    fn chunk(&self, number: u64, file: &File, index: u64) -> Result<Arc<Chunk>, Errno> {
        self.chunks.chunk(number, file, index).map_err(|error| {
            self.failures.note(Failure { path: file.path.clone(), error });
            Errno::EIO
        })
    }
}

impl Failures {
    /// Reports the first failure, and keeps it.
    fn note(&self, failure: Failure) {
        let mut first = lock(&self.first);
        if first.is_none() {
            (self.report)(&failure);
            *first = Some(failure);
        }
    }
}

/// The most that one request may ask for, in bytes. The kernel asks for up to 1 MiB.
const READ_LIMIT: u32 = 16 << 20;

#[cfg(test)]
mod tests {
    use ovseal::ChunkSize;
    use ovseal_testkit::{Fixture, pattern};

    use super::*;

    const CHUNK: usize = 1 << 16;

    fn files(content: &[u8]) -> (Fixture, Files) {
        let fixture = Fixture::new(&[("w.bin", content), ("x/empty.bin", b"")]);
        fixture.seal(fixture.options().chunk_size(ChunkSize::from_log2(16).unwrap()));
        let tree = Tree::of(&fixture.open().unwrap()).unwrap();
        (fixture, Files::new(tree, Box::new(|_| ())))
    }

    fn number(files: &Files, length: u64) -> u64 {
        files.tree.files().find(|(_, file)| file.part.length() == length).unwrap().0
    }

    #[test]
    fn every_range_has_the_bytes_of_the_part() {
        let content = pattern(3 * CHUNK + 7);
        let (_fixture, files) = files(&content);
        let number = number(&files, content.len() as u64);
        let edges = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 6, 3 * CHUNK + 7];
        for start in edges {
            for size in [0, 1, 4096, CHUNK, CHUNK + 1, 2 * CHUNK, 1 << 20] {
                let end = (start + size).min(content.len());
                let read = files.read(number, start as u64, size as u32, <[u8]>::to_vec).unwrap();
                assert_eq!(read, content[start..end], "{start} {size}");
            }
        }
    }

    #[test]
    fn hostile_offsets_and_sizes_read_nothing() {
        let (_fixture, files) = files(&pattern(CHUNK));
        let number = number(&files, CHUNK as u64);
        for offset in [CHUNK as u64, CHUNK as u64 + 1, 1 << 63, u64::MAX] {
            for size in [0, 1, READ_LIMIT] {
                assert_eq!(files.read(number, offset, size, <[u8]>::len).unwrap(), 0, "{offset}");
            }
        }
        assert_eq!(files.read(number, 0, READ_LIMIT + 1, <[u8]>::len), Err(Errno::EINVAL));
        assert_eq!(files.read(number, u64::MAX, u32::MAX, <[u8]>::len), Err(Errno::EINVAL));
        assert_eq!(files.read(self::number(&files, 0), 0, 4096, <[u8]>::len), Ok(0));
    }

    #[test]
    fn directories_and_unknown_numbers_are_not_read() {
        let (_fixture, files) = files(b"x");
        assert_eq!(files.read(1, 0, 1, <[u8]>::len), Err(Errno::EISDIR));
        for unknown in [0, 99, u64::MAX] {
            assert_eq!(files.read(unknown, 0, 1, <[u8]>::len), Err(Errno::ENOENT));
        }
    }

    #[test]
    fn opens_are_counted_and_can_be_refused() {
        let (_fixture, files) = files(b"x");
        assert_eq!([files.open(2), files.open(2), files.open(3)], [Some(true), Some(false), Some(true)]);
        assert_eq!((files.open_count(), files.is_open(2)), (3, true));
        assert_eq!([files.close(2), files.close(2), files.close(2)], [false, true, false]);
        assert!(!files.is_open(2));
        files.refuse_opens();
        assert_eq!(files.open(2), None);
        assert_eq!(files.open_count(), 1);
    }

    #[test]
    fn a_changed_chunk_is_reported_once_and_shows_none_of_its_bytes() {
        let fixture = Fixture::new(&[("w.bin", &pattern(3 * CHUNK))]);
        fixture.seal(fixture.options().chunk_size(ChunkSize::from_log2(16).unwrap()));
        let mut bytes = std::fs::read(fixture.container()).unwrap();
        // The middle of the second of three chunks: the trailer is short.
        let at = bytes.len() - CHUNK - CHUNK / 2;
        bytes[at] ^= 1;
        std::fs::write(fixture.container(), &bytes).unwrap();
        let reported = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&reported);
        let report = move |failure: &Failure| lines.lock().unwrap().push(failure.error.to_string());
        let tree = Tree::of(&fixture.open().unwrap()).unwrap();
        let files = Files::new(tree, Box::new(report));
        let number = number(&files, 3 * CHUNK as u64);
        for _ in 0..3 {
            // Bytes before the changed chunk are not sent either.
            assert_eq!(files.read(number, 0, 2 * CHUNK as u32, <[u8]>::len), Err(Errno::EIO));
        }
        assert_eq!(files.read(number, 0, CHUNK as u32, <[u8]>::len), Ok(CHUNK));
        assert_eq!(*reported.lock().unwrap(), ["chunk 1 of w.bin is not authentic"]);
        let failure = files.take_failure().unwrap();
        assert_eq!((failure.path.as_str(), failure.error.kind()), ("w.bin", ovseal::ErrorKind::NotAuthentic));
    }
}
