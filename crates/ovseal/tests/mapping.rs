//! Parts as mappings that are decrypted while they are read: the same bytes, the same failures.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ovseal::{ChunkSize, ErrorKind, KeyFile, OpenError, OpenOptions, PublisherKey, ReadAt, Trust};
use ovseal_testkit::{FailingSource, Fixture, VectorKey, eventually, pattern, vectors};

const CHUNK: usize = 65_536;

fn fixture(length: usize) -> (Fixture, Vec<u8>) {
    let content = pattern(length);
    let fixture = Fixture::new(&[("w.bin", &content)]);
    fixture.seal(fixture.options().chunk_size(ChunkSize::from_log2(16).unwrap()));
    (fixture, content)
}

/// A container that changes while it is open, as if another process wrote to the file.
struct Changing {
    good: Vec<u8>,
    bad: Vec<u8>,
    is_changed: AtomicBool,
}

impl ReadAt for Changing {
    fn length(&self) -> std::io::Result<u64> {
        Ok(self.good.len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        let bytes = if self.is_changed.load(Ordering::SeqCst) { &self.bad } else { &self.good };
        bytes.read_exact_at(buffer, offset)
    }
}

/// Returns the offset of the first part (`docs/format.md` §2).
fn payload(container: &[u8]) -> usize {
    4096 + u64::from_be_bytes(container[24..32].try_into().unwrap()) as usize
}

#[test]
fn mappings_of_any_length_hold_the_sealed_bytes() {
    for length in [0, 1, 4095, 4096, 4097, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 3] {
        let (fixture, content) = fixture(length);
        let part = fixture.open().unwrap().part("w.bin").unwrap();
        assert_eq!(&*part.map().unwrap(), &content[..], "{length}");
        assert_eq!(&*part.read_mapping().unwrap(), &content[..], "{length}");
        let unverified = part.start_mapping(2).unwrap();
        assert_eq!(unverified.hazmat_unverified(), &content[..], "{length}");
        assert_eq!(unverified.verify().unwrap().len(), length);
    }
}

#[test]
fn a_mapping_outlives_the_container_and_its_released_pages_return() {
    let (fixture, content) = fixture(9 * CHUNK + 5);
    let mapping = fixture.open().unwrap().part("w.bin").unwrap().map().unwrap();
    if !mapping.is_on_demand() {
        return assert!(!mapping.release());
    }
    for _ in 0..3 {
        // A chunk stays resident until the thread that filled it has returned.
        eventually("all pages are gone", || mapping.release() && mapping.resident_bytes() == 0);
        assert_eq!(&*mapping, &content[..]);
    }
    mapping.release_in_background();
    let populated = mapping.populate().unwrap();
    assert!(!mapping.release() && mapping.resident_bytes() >= content.len());
    drop(populated);
    assert_eq!(&*mapping, &content[..]);
}

#[test]
fn a_chunk_that_is_not_authentic_reads_as_zeros_and_is_named() {
    let key = PublisherKey::generate().unwrap();
    let content = pattern(7 * CHUNK);
    let fixture = Fixture::new(&[("w.bin", &content)]);
    fixture.seal(fixture.options().publisher(&key).chunk_size(ChunkSize::from_log2(16).unwrap()));
    let good = std::fs::read(fixture.container()).unwrap();
    for trust in [Trust::AnySender, Trust::Publishers(vec![key.publisher().clone()])] {
        for bad in 0..7 {
            let mut bytes = good.clone();
            bytes[payload(&good) + bad * CHUNK + 77] ^= 4;
            let opened =
                OpenOptions::new(trust.clone()).open_source(Arc::new(bytes), &[&fixture.key]).unwrap();
            let mapping = opened.part("w.bin").unwrap().start_mapping(1).unwrap();
            assert_eq!(mapping.hazmat_unverified()[bad * CHUNK..][..CHUNK], [0; CHUNK]);
            for (read, sealed) in mapping.hazmat_unverified().chunks(CHUNK).zip(content.chunks(CHUNK)) {
                assert!(read == sealed || read == [0; CHUNK], "authentic bytes or zeros");
            }
            let error = mapping.verify().unwrap_err();
            assert!(
                matches!(&error, OpenError::Chunk { part, index } if part == "w.bin" && *index == bad as u64),
                "{error}"
            );
        }
    }
}

#[test]
fn a_failing_disk_is_an_environment_error_and_unblocks_readers() {
    let (fixture, _) = fixture(40 * CHUNK);
    let bytes = std::fs::read(fixture.container()).unwrap();
    let reads_of_opening = (1..).find(|&reads| read_and_map(&fixture, &bytes, reads).is_some()).unwrap();
    for reads in [0, 1, 20, 39] {
        let outcome = read_and_map(&fixture, &bytes, reads_of_opening + reads).unwrap();
        let error = outcome.unwrap_err();
        assert!(matches!(&error, OpenError::Fill { part, .. } if part == "w.bin"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Environment);
    }
    read_and_map(&fixture, &bytes, reads_of_opening + 40).unwrap().unwrap();
}

/// Opens and maps from a disk that fails after this many reads.
///
/// Returns `None` if the disk failed before the part was reached.
fn read_and_map(fixture: &Fixture, bytes: &[u8], reads: u64) -> Option<Result<(), OpenError>> {
    let source = FailingSource::new(bytes.to_vec(), reads, std::io::ErrorKind::Other);
    let opened = OpenOptions::new(Trust::AnySender).open_source(Arc::new(source), &[&fixture.key]).ok()?;
    let mapping = opened.part("w.bin").unwrap().start_mapping(1).unwrap();
    assert!(mapping.hazmat_unverified().len() == 40 * CHUNK);
    Some(mapping.verify().map(drop))
}

/// Runs the test of this name again in a child process.
fn child(test: &str) -> std::process::Output {
    let program = std::env::current_exe().unwrap();
    Command::new(program).args(["--exact", test, "--nocapture"]).env(CHILD, "1").output().unwrap()
}

const CHILD: &str = "OVSEAL_TEST_CHILD";

#[test]
fn a_file_that_changes_under_a_running_process_ends_it_with_one_line() {
    let (fixture, _) = fixture(5 * CHUNK);
    let good = std::fs::read(fixture.container()).unwrap();
    let mut bad = good.clone();
    bad[payload(&good) + 3 * CHUNK] ^= 1;
    let source = Arc::new(Changing { good, bad, is_changed: AtomicBool::new(false) });
    let opened = OpenOptions::new(Trust::AnySender).open_source(source.clone(), &[&fixture.key]).unwrap();
    let mapping = opened.part("w.bin").unwrap().map().unwrap();
    if std::env::var_os(CHILD).is_some() {
        mapping.release();
        source.is_changed.store(true, Ordering::SeqCst);
        println!("first {}", mapping[0]);
        return println!("fourth {}", mapping[3 * CHUNK + 9]);
    }
    if mapping.is_on_demand() {
        let output = child("a_file_that_changes_under_a_running_process_ends_it_with_one_line");
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(shown.contains("first") && !shown.contains("fourth"), "{shown}");
        let line = "ovseal: error: chunk 3 of w.bin is not authentic while the model runs: the file was changed or is damaged\n";
        assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(3), line));
    }
}

#[test]
fn the_caller_decides_how_a_late_failure_ends_the_process() {
    let (fixture, _) = fixture(CHUNK);
    let good = std::fs::read(fixture.container()).unwrap();
    let mut bad = good.clone();
    bad[payload(&good)] ^= 1;
    let source = Arc::new(Changing { good, bad, is_changed: AtomicBool::new(false) });
    // At exit, no thread of the child reads the mapping or holds a lock, so an orderly exit is
    // safe.
    let options = OpenOptions::new(Trust::AnySender).on_late_failure(|message| {
        print!("told: {message}");
        std::process::exit(17)
    });
    let opened = options.open_source(source.clone(), &[&fixture.key]).unwrap();
    let mapping = opened.part("w.bin").unwrap().map().unwrap();
    if std::env::var_os(CHILD).is_some() {
        while !mapping.release() || mapping.resident_bytes() > 0 {}
        source.is_changed.store(true, Ordering::SeqCst);
        std::hint::black_box(mapping[0]);
    } else if mapping.is_on_demand() {
        let output = child("the_caller_decides_how_a_late_failure_ends_the_process");
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(shown.ends_with("told: chunk 0 of w.bin is not authentic while the model runs: the file was changed or is damaged"), "{shown}");
        assert_eq!(output.status.code(), Some(17));
    }
}

/// Unless a publisher is specified, the digests of chunks are never compared.
#[test]
fn without_a_named_publisher_a_chunk_with_another_digest_is_filled_again() {
    let all = vectors();
    let vector = all.iter().find(|vector| vector.name == "digests-of-other-chunks-not-asked").unwrap();
    let Some(VectorKey::Keyfile(key)) = &vector.key else { panic!("{:?}", vector.key) };
    let key = KeyFile::from_bytes(&base16ct::mixed::decode_vec(key).unwrap()).unwrap();
    let opened = OpenOptions::new(Trust::AnySender).open(&vector.container(), &[&key]).unwrap();
    let part = opened.part("model.onnx").unwrap();
    let mapping = part.map().unwrap();
    let is_gone = (0..1000).any(|_| mapping.release() && mapping.resident_bytes() == 0);
    assert_eq!(is_gone, mapping.is_on_demand());
    assert_eq!(*mapping, *part.read().unwrap());
}
