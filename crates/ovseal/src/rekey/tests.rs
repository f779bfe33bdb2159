//! A rekeying that ends after any of its steps leaves a container that opens and can be rekeyed.

mod waiting;

use std::cell::Cell;
use std::io;
use std::path::PathBuf;

use super::writer::{Faults, Step};
use super::*;
use crate::model::{Model, ModelOptions};
use crate::{Inspection, KeyFile, ModelName, OpenError, OpenOptions, SealOptions};

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
    folder: tempfile::TempDir,
    old: KeyFile,
    new: KeyFile,
}

impl Sealed {
    fn new() -> Self {
        Self::within(std::env::temp_dir())
    }

    /// A container in a folder below `parent`.
    fn within(parent: impl AsRef<Path>) -> Self {
        let sealed = Self {
            folder: tempfile::tempdir_in(parent).unwrap(),
            old: KeyFile::generate().unwrap(),
            new: KeyFile::generate().unwrap(),
        };
        let input = sealed.folder.path().join("w.bin");
        std::fs::write(&input, "weights").unwrap();
        let model = Model::find(&input, ModelOptions::default()).unwrap();
        let options = SealOptions::new(ModelName::parse("m").unwrap()).recipient(&sealed.old);
        options.seal(&model, &sealed.container()).unwrap();
        sealed
    }

    fn container(&self) -> PathBuf {
        self.folder.path().join("m.ovseal")
    }

    /// Replaces the old key by the new one, and fails after `step`.
    fn fail_after(&self, step: Step) {
        let faults = FailAfter { step, reached: Cell::new(false) };
        let options = RekeyOptions::new().add_recipient(&self.new).remove_stanza(0);
        let error = options.rekey_with(&self.container(), &[&self.old], &faults).unwrap_err();
        assert!(matches!(error, RekeyError::Write { .. }) && faults.reached.get(), "{step:?}: {error}");
    }

    fn opens(&self, key: &KeyFile) -> bool {
        match OpenOptions::new(Trust::AnySender).open(&self.container(), &[key]) {
            Ok(opened) => *opened.part("w.bin").unwrap().read().unwrap() == *b"weights",
            Err(OpenError::NoKeyFits { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_fault_after_any_step_leaves_the_old_or_the_new_stanzas() {
    for step in STEPS {
        let sealed = Sealed::new();
        sealed.fail_after(step);
        let is_new = sealed.opens(&sealed.new);
        let committed = !matches!(step, Step::RekeyFileCreated | Step::RekeyFileWritten);
        assert_eq!(is_new, committed, "{step:?}");
        // Until the region is written, the old key opens the old region behind the new file.
        assert!(is_new || sealed.opens(&sealed.old), "{step:?}");
        let key = if is_new { &sealed.new } else { &sealed.old };
        let opened = OpenOptions::new(Trust::AnySender).open(&sealed.container(), &[key]).unwrap();
        assert_eq!(opened.inspection().generation, if committed { 2 } else { 1 }, "{step:?}");
    }
}

#[test]
fn the_next_writer_goes_on_from_where_the_interrupted_one_was() {
    for step in STEPS {
        let sealed = Sealed::new();
        sealed.fail_after(step);
        let third = KeyFile::generate().unwrap();
        let key = if sealed.opens(&sealed.new) { &sealed.new } else { &sealed.old };
        RekeyOptions::new().add_recipient(&third).rekey(&sealed.container(), &[key]).unwrap();
        assert!(sealed.opens(key) && sealed.opens(&third), "{step:?}");
        assert!(!crate::container::rekey_file::path(&sealed.container()).exists(), "{step:?}");
        // What stands in the container itself is now complete.
        let moved = sealed.folder.path().join("moved.ovseal");
        std::fs::rename(sealed.container(), &moved).unwrap();
        OpenOptions::new(Trust::AnySender).open(&moved, &[&third]).unwrap();
    }
}

#[test]
fn stanzas_that_a_look_does_not_show_are_brought_in_place_before_a_caller_chooses_again() {
    for step in STEPS {
        let sealed = Sealed::new();
        sealed.fail_after(step);
        let key = if sealed.opens(&sealed.new) { &sealed.new } else { &sealed.old };
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
        assert!(!crate::container::rekey_file::path(&sealed.container()).exists(), "{step:?}");
    }
}

#[test]
fn an_interrupted_rekeying_is_not_undone_by_a_key_that_it_removed() {
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
                // What the interrupted rekeying did is told, too.
                assert_eq!((rekeyed.added.len(), rekeyed.removed.len()), (2, 1));
            }
        }
        assert!(sealed.opens(&sealed.new) && !sealed.opens(&sealed.old));
        assert_eq!(sealed.opens(&third), expected.is_none());
    }
}

#[test]
fn a_second_fault_while_going_on_loses_nothing() {
    for first in STEPS {
        for second in STEPS {
            let sealed = Sealed::new();
            sealed.fail_after(first);
            let key = if sealed.opens(&sealed.new) { &sealed.new } else { &sealed.old };
            let third = KeyFile::generate().unwrap();
            let faults = FailAfter { step: second, reached: Cell::new(false) };
            let options = RekeyOptions::new().add_recipient(&third);
            options.rekey_with(&sealed.container(), &[key], &faults).unwrap_err();
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
