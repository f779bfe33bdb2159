//! A rekeying interrupted after any step leaves a container that opens and can be rekeyed.

mod waiting;

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};

use super::writer::{Faults, NoFaults, RegionWriter, Step};
use super::{RekeyError, RekeyOptions, Rekeyed};
use crate::container::Container;
use crate::container::rekey_file::{self, Inode};
use crate::unlock::Requirements;
use crate::{Inspection, KeyFile, OpenError, OpenOptions, Opened, Trust, testing};

const STEPS: [Step; 7] = [
    Step::RekeyFileCreated,
    Step::RekeyFileWritten,
    Step::RekeyFileInPlace,
    Step::RegionHalfWritten,
    Step::RegionWritten,
    Step::RegionSynchronized,
    Step::RekeyFileRemoved,
];

/// Ends a rekeying after one step, as a crash would.
struct FailAfter {
    step: Step,
    reached: Cell<bool>,
}

impl FailAfter {
    fn new(step: Step) -> Self {
        Self { step, reached: Cell::new(false) }
    }
}

impl Faults for FailAfter {
    fn after(&self, step: Step) -> io::Result<()> {
        if step != self.step {
            return Ok(());
        }
        self.reached.set(true);
        Err(io::Error::other("injected"))
    }
}

struct Sealed {
    directory: tempfile::TempDir,
    old: KeyFile,
    new: KeyFile,
}

impl Sealed {
    fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    /// Seals a container for the old key, in a directory within `parent`.
    fn within(parent: &Path) -> Self {
        let directory = tempfile::tempdir_in(parent).unwrap();
        let [old, new] = [(); 2].map(|()| KeyFile::generate().unwrap());
        testing::seal(directory.path(), b"weights", &testing::options().recipient(&old));
        Self { directory, old, new }
    }

    fn container(&self) -> PathBuf {
        self.directory.path().join("m.ovseal")
    }

    fn rekey_file(&self) -> PathBuf {
        rekey_file::path(&self.container())
    }

    /// Returns options that replace the old key with the new one.
    fn replacing(&self) -> RekeyOptions<'_> {
        RekeyOptions::new().add_recipient(&self.new).remove_stanza(0)
    }

    /// Replaces the old key with the new one, and fails after `step`.
    fn fail_after(&self, step: Step) {
        let faults = FailAfter::new(step);
        let error = self.replacing().rekey_with(&self.container(), &[&self.old], &faults).unwrap_err();
        assert!(matches!(error, RekeyError::Write { .. }) && faults.reached.get(), "{step:?}: {error}");
    }

    fn open(&self, key: &KeyFile) -> Result<Opened, OpenError> {
        OpenOptions::new(Trust::AnySender).open(&self.container(), &[key])
    }

    fn opens(&self, key: &KeyFile) -> bool {
        match self.open(key) {
            Ok(opened) => *opened.part("w.bin").unwrap().read().unwrap() == *b"weights",
            Err(OpenError::NoKeyFits { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns the new key if it opens the container, or else the old one.
    fn current_key(&self) -> &KeyFile {
        if self.opens(&self.new) { &self.new } else { &self.old }
    }
}

/// Returns true if a rekeying interrupted after `step` is completed by the next one.
fn is_committed(step: Step) -> bool {
    !matches!(step, Step::RekeyFileCreated | Step::RekeyFileWritten)
}

#[test]
fn a_fault_after_any_step_leaves_the_old_or_the_new_stanzas() {
    for step in STEPS {
        let sealed = Sealed::new();
        sealed.fail_after(step);
        let is_new = sealed.opens(&sealed.new);
        assert_eq!(is_new, is_committed(step), "{step:?}");
        // Until the region is written, the old key opens the old region.
        assert!(is_new || sealed.opens(&sealed.old), "{step:?}");
        let generation = sealed.open(sealed.current_key()).unwrap().inspection().generation;
        assert_eq!(generation, if is_new { 2 } else { 1 }, "{step:?}");
    }
}

#[test]
fn the_next_writer_continues_where_the_interrupted_one_stopped() {
    for step in STEPS {
        let sealed = Sealed::new();
        sealed.fail_after(step);
        let (key, third) = (sealed.current_key(), KeyFile::generate().unwrap());
        RekeyOptions::new().add_recipient(&third).rekey(&sealed.container(), &[key]).unwrap();
        assert!(sealed.opens(key) && sealed.opens(&third), "{step:?}");
        assert!(!sealed.rekey_file().exists(), "{step:?}");
        // The container is complete without any file next to it.
        let moved = sealed.directory.path().join("moved.ovseal");
        std::fs::rename(sealed.container(), &moved).unwrap();
        OpenOptions::new(Trust::AnySender).open(&moved, &[&third]).unwrap();
    }
}

#[test]
fn stanzas_that_inspection_does_not_show_are_put_in_place_before_the_caller_chooses_again() {
    for step in STEPS {
        let sealed = Sealed::new();
        sealed.fail_after(step);
        let key = sealed.current_key();
        let rekey = || {
            let seen = Inspection::of(&sealed.container()).unwrap().generation;
            let third = KeyFile::generate().unwrap();
            let options = RekeyOptions::new().add_recipient(&third).expect_generation(seen);
            options.rekey(&sealed.container(), &[key])
        };
        match rekey() {
            Err(RekeyError::GenerationChanged { expected: 1, found: 2 })
                if step == Step::RekeyFileInPlace =>
            {
                rekey().unwrap();
            }
            outcome => drop(outcome.unwrap()),
        }
        assert!(!sealed.rekey_file().exists(), "{step:?}");
    }
}

#[test]
fn a_key_that_an_interrupted_rekeying_removed_does_not_undo_it() {
    for expected in [None, Some(1)] {
        let sealed = Sealed::new();
        sealed.fail_after(Step::RekeyFileInPlace);
        assert!(sealed.opens(&sealed.old) && sealed.opens(&sealed.new));
        let third = KeyFile::generate().unwrap();
        let options = RekeyOptions { generation: expected, ..RekeyOptions::new().add_recipient(&third) };
        let outcome = options.rekey(&sealed.container(), &[&sealed.old]);
        match expected {
            Some(_) => assert!(matches!(outcome, Err(RekeyError::GenerationChanged { found: 2, .. }))),
            None => {
                let rekeyed = outcome.unwrap();
                assert_eq!((rekeyed.generation, rekeyed.stanzas), (3, 2));
                // The changes of the interrupted rekeying are included.
                assert_eq!((rekeyed.added.len(), rekeyed.removed.len()), (2, 1));
            }
        }
        assert!(sealed.opens(&sealed.new) && !sealed.opens(&sealed.old));
        assert_eq!(sealed.opens(&third), expected.is_none());
    }
}

#[test]
fn a_second_fault_while_continuing_loses_nothing() {
    for first in STEPS {
        for second in STEPS {
            let sealed = Sealed::new();
            sealed.fail_after(first);
            let (key, third) = (sealed.current_key(), KeyFile::generate().unwrap());
            let options = RekeyOptions::new().add_recipient(&third);
            options.rekey_with(&sealed.container(), &[key], &FailAfter::new(second)).unwrap_err();
            assert!(sealed.opens(key), "{first:?}, {second:?}");
        }
    }
}

#[test]
fn two_writers_do_not_work_at_once() {
    let sealed = Sealed::new();
    let _lock = RegionWriter::lock(&sealed.container(), &NoFaults).unwrap();
    let options = RekeyOptions::new().add_recipient(&sealed.new);
    let error = options.rekey(&sealed.container(), &[&sealed.old]).unwrap_err();
    assert!(matches!(error, RekeyError::Locked { .. }));
}

#[test]
fn readers_open_at_every_moment_of_a_rekeying() {
    /// Opens the container after each step.
    struct OpenAfter<'s>(&'s Sealed);
    impl Faults for OpenAfter<'_> {
        fn after(&self, step: Step) -> io::Result<()> {
            assert!(self.0.opens(&self.0.old), "{step:?}");
            Ok(())
        }
    }
    let sealed = Sealed::new();
    let options = RekeyOptions::new().add_recipient(&sealed.new);
    options.rekey_with(&sealed.container(), &[&sealed.old], &OpenAfter(&sealed)).unwrap();
    assert!(sealed.opens(&sealed.new));
}

/// The birth time in the vector is the last nanosecond before 1970.
#[test]
fn the_file_of_another_implementation_belongs_to_its_inode() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testkit/vectors");
    let container = Container::open(&vectors.join("rekey-2-newer.ovseal")).unwrap();
    let record = std::fs::read_to_string(vectors.join("rekey-2-newer.json")).unwrap();
    let digits = record.split('"').find(|text| text.len() == 64).unwrap();
    let identity = KeyFile::from_bytes(&base16ct::mixed::decode_vec(digits).unwrap()).unwrap();
    let (unlocked, _) = Requirements::new(Trust::AnySender).unlock(&container, &[&identity]).unwrap();
    let file = rekey_file::read(container.path.as_deref().unwrap(), &container.prologue).unwrap();
    assert!(file.replaces(&container.own_region().unwrap().unwrap()));
    let inode = |number| Inode::new(number, -1, 999_999_999);
    assert!(file.is_of(&unlocked.key, &inode(0x0123_4567_89ab_cdef)));
    assert!(!file.is_of(&unlocked.key, &inode(0x0123_4567_89ab_cdee)));
}
