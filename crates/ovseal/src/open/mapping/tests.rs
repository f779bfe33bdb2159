//! Two contents of a chunk with the same tag, which a holder of the data key can make.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ovseal_format::layout::{Chunk, ChunkSize};

use crate::container::read_at::ReadAt;
use crate::open::{OpenOptions, Part};
use crate::{KeyFile, PublisherKey, Trust, testing};

/// A container with one chunk of zeros, and the same container with a different ciphertext under
/// the same tag.
struct Collision {
    key: KeyFile,
    publisher: PublisherKey,
    sealed: Vec<u8>,
    other: Vec<u8>,
}

impl Collision {
    fn new() -> Self {
        let (key, publisher) = (KeyFile::generate().unwrap(), PublisherKey::generate().unwrap());
        let directory = tempfile::tempdir().unwrap();
        let options = testing::options().recipient(&key).publisher(&publisher);
        let options = options.chunk_size(ChunkSize::from_log2(16).unwrap());
        let sealed = std::fs::read(testing::seal(directory.path(), &[0; CHUNK], &options)).unwrap();
        let part = part(&key, Trust::AnySender, Arc::new(sealed.clone()));
        let start = part.inner.layout.position(&part.chunk(0)) as usize;
        let mut other = sealed.clone();
        collide(&part, &mut other[start..][..CHUNK]);
        Self { key, publisher, sealed, other }
    }
}

fn part(key: &KeyFile, trust: Trust, source: Arc<dyn ReadAt>) -> Part {
    OpenOptions::new(trust).open_source(source, &[key]).unwrap().part("w.bin").unwrap()
}

/// Changes two blocks of a ciphertext so that its tag stays the same.
///
/// A tag is a polynomial in the secret H. The last block is multiplied by H², and the third from
/// the end by H⁴ (NIST SP 800-38D, 6.4). So adding 1 to the latter is compensated by adding H² to
/// the former. The difference of two tags under one nonce is H².
fn collide(part: &Part, ciphertext: &mut [u8]) {
    let block = Chunk { length: BLOCK, ..part.chunk(0) };
    let [zero, one] = [[0; BLOCK], ONE].map(|mut plaintext| part.key().encrypt(&block, &mut plaintext));
    let [.., third, _, last] = ciphertext.as_chunks_mut::<BLOCK>().0 else { panic!("three blocks") };
    third.iter_mut().zip(ONE).for_each(|(byte, change)| *byte ^= change);
    last.iter_mut().zip(zero.iter().zip(one)).for_each(|(byte, (zero, one))| *byte ^= zero ^ one);
}

/// A container whose bytes can be exchanged at any time.
struct Changing {
    before: Vec<u8>,
    after: Vec<u8>,
    is_changed: AtomicBool,
}

impl ReadAt for Changing {
    fn length(&self) -> std::io::Result<u64> {
        self.before.length()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        let bytes = if self.is_changed.load(Ordering::SeqCst) { &self.after } else { &self.before };
        bytes.read_exact_at(buffer, offset)
    }
}

#[test]
fn only_a_named_publisher_distinguishes_two_ciphertexts_with_one_tag() {
    let collision = Collision::new();
    let other: Arc<dyn ReadAt> = Arc::new(collision.other.clone());
    let read = part(&collision.key, Trust::AnySender, Arc::clone(&other)).read().unwrap();
    // The tags are equal, and only the two blocks that `collide` changed differ from zeros.
    let (before, [third, second, last]) = read.as_rchunks::<BLOCK>().1.split_last_chunk().unwrap();
    assert!(before.as_flattened().iter().chain(second).all(|byte| *byte == 0));
    assert!(*third == ONE && *last != [0; BLOCK]);
    let named = Trust::Publishers(vec![collision.publisher.publisher().clone()]);
    let error = part(&collision.key, named, other).map().unwrap_err();
    assert_eq!(error.to_string(), "chunk 0 of w.bin is not authentic");
}

/// Here the first content does not match the digest, so the digest cannot detect the change.
#[test]
fn no_reference_shows_two_contents_with_one_tag() {
    let Collision { key, sealed, other, .. } = Collision::new();
    assert_ended("no_reference_shows_two_contents_with_one_tag", &key, Trust::AnySender, other, sealed);
}

#[test]
fn no_reference_shows_two_contents_with_one_tag_where_the_publisher_is_named() {
    let Collision { key, publisher, sealed, other } = Collision::new();
    let named = Trust::Publishers(vec![publisher.publisher().clone()]);
    let test = "no_reference_shows_two_contents_with_one_tag_where_the_publisher_is_named";
    assert_ended(test, &key, named, sealed, other);
}

/// Asserts that no mapping shows that its container has changed.
///
/// Runs `test` again in a child process. Its container changes while no page is resident, and the
/// process must end before it can read the second content.
fn assert_ended(test: &str, key: &KeyFile, trust: Trust, before: Vec<u8>, after: Vec<u8>) {
    let source = Arc::new(Changing { before, after, is_changed: AtomicBool::new(false) });
    let mapping = part(key, trust, source.clone()).map().unwrap();
    if !mapping.is_on_demand() {
        return;
    }
    if std::env::var_os(CHILD).is_some() {
        println!("before {:?}", &mapping[CHUNK - 3 * BLOCK..]);
        let is_gone = (0..1000).any(|_| mapping.release() && mapping.resident_bytes() == 0);
        assert!(is_gone);
        println!("released");
        source.is_changed.store(true, Ordering::SeqCst);
        return println!("after {:?}", &mapping[CHUNK - 3 * BLOCK..]);
    }
    let (program, test) = (std::env::current_exe().unwrap(), format!("open::mapping::tests::{test}"));
    let output = Command::new(program).args(["--exact", &test, "--nocapture"]).env(CHILD, "1").output();
    let output = output.unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("released") && !shown.contains("after"), "{shown}");
    let line = "ovseal: error: chunk 0 of w.bin is not authentic while the model runs: the file was changed or is damaged\n";
    assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(3), line));
}

const CHUNK: usize = 1 << 16;
const BLOCK: usize = 16;

/// The element 1 of GF(2¹²⁸), whose first bit is the coefficient of x⁰.
const ONE: [u8; BLOCK] = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

const CHILD: &str = "OVSEAL_TEST_CHILD";
