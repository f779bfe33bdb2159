//! A rekeying file is adopted without asking only if a holder of the key wrote it for this exact
//! file.

use super::*;
use crate::{ErrorKind, OnWaiting, PublicKeyIdentity, WaitingStanzas};

/// Runs `test` on a disk and in memory, because file systems differ in inode numbers and birth
/// times.
fn on_every_file_system(test: impl Fn(&Sealed)) {
    let program = std::env::current_exe().unwrap();
    for parent in [program.parent().unwrap(), Path::new("/dev/shm")] {
        let parent = tempfile::tempdir_in(parent).unwrap();
        test(&Sealed::within(parent.path()));
    }
}

impl Sealed {
    fn region(&self) -> Vec<u8> {
        std::fs::read(self.container()).unwrap()[4096..4096 + 65_536].to_vec()
    }

    /// Copies the container to another directory of the same file system, with the same keys.
    fn copy(&self) -> Self {
        let directory = tempfile::tempdir_in(self.directory.path().parent().unwrap()).unwrap();
        let key = |key: &KeyFile| KeyFile::from_bytes(&*key.expose()).unwrap();
        let copy = Self { directory, old: key(&self.old), new: key(&self.new) };
        std::fs::copy(self.container(), copy.container()).unwrap();
        copy
    }

    /// Puts a region next to the container, which anyone who has the region can do without a key.
    fn plant(&self, region: &[u8]) {
        let id = Inspection::of(&self.container()).unwrap().container_id;
        std::fs::write(self.rekey_file(), testing::planted_rekey_file(id, region)).unwrap();
    }

    /// Flips one bit of the container's own region.
    fn flip(&self) {
        let mut bytes = std::fs::read(self.container()).unwrap();
        bytes[4096 + 40] ^= 1;
        // This keeps the inode.
        std::fs::write(self.container(), bytes).unwrap();
    }

    fn add(&self, on_waiting: OnWaiting) -> Result<Rekeyed, RekeyError> {
        let third = KeyFile::generate().unwrap();
        let options = RekeyOptions::new().add_recipient(&third).on_waiting(on_waiting);
        options.rekey(&self.container(), &[&self.old, &self.new])
    }

    /// Asserts that a rekeying shows both regions, and neither adopts nor changes anything.
    fn is_refused(&self) -> WaitingStanzas {
        let paths = [self.container(), self.rekey_file()];
        let before = paths.each_ref().map(|path| std::fs::read(path).unwrap());
        let error = self.add(OnWaiting::Refuse).unwrap_err();
        assert_eq!(paths.map(|path| std::fs::read(path).unwrap()), before);
        assert_eq!(error.kind(), ErrorKind::NotAuthentic);
        match error {
            RekeyError::Waiting(waiting) => *waiting,
            error => panic!("{error}"),
        }
    }
}

fn generations(waiting: &WaitingStanzas) -> (Option<u64>, u64) {
    (waiting.own_generation, waiting.generation)
}

#[test]
fn the_next_generation_from_a_copy_is_not_adopted() {
    on_every_file_system(|sealed| {
        let copy = sealed.copy();
        sealed.replacing().rekey(&copy.container(), &[&sealed.old]).unwrap();
        sealed.plant(&copy.region());
        let waiting = sealed.is_refused();
        assert_eq!(generations(&waiting), (Some(1), 2));
        let shown = " holds other stanzas: generation 2 (keyfile); the container has generation 1 (keyfile)";
        assert_eq!(waiting.to_string(), format!("{}{shown}", sealed.rekey_file().display()));
        assert_eq!(waiting.stanzas.len(), 1);
    });
}

#[test]
fn a_planted_file_next_to_a_damaged_region_is_not_adopted() {
    on_every_file_system(|sealed| {
        let copy = sealed.copy();
        RekeyOptions::new().add_recipient(&sealed.new).rekey(&copy.container(), &[&sealed.old]).unwrap();
        sealed.plant(&copy.region());
        sealed.flip();
        assert_eq!(generations(&sealed.is_refused()), (None, 2));
        // Readers can still open the container, and the only remaining stanzas cannot be discarded.
        assert!(sealed.opens(&sealed.old));
        assert!(matches!(sealed.add(OnWaiting::Discard), Err(RekeyError::Waiting(_))));
        assert!(sealed.rekey_file().exists());
        assert_eq!(sealed.add(OnWaiting::Finish).unwrap().generation, 3);
    });
}

#[test]
fn the_genuine_file_of_another_copy_is_not_adopted() {
    on_every_file_system(|sealed| {
        let copy = sealed.copy();
        copy.fail_after(Step::RekeyFileInPlace);
        std::fs::copy(copy.rekey_file(), sealed.rekey_file()).unwrap();
        assert_eq!(generations(&sealed.is_refused()), (Some(1), 2));
        sealed.flip();
        assert_eq!(generations(&sealed.is_refused()), (None, 2));
        // The copy itself adopts it.
        assert_eq!(copy.add(OnWaiting::Refuse).unwrap().generation, 3);
    });
}

#[test]
fn an_interrupted_rekeying_is_finished_after_any_step() {
    on_every_file_system(|sealed| {
        for step in STEPS {
            let sealed = Sealed::within(sealed.directory.path());
            sealed.fail_after(step);
            let rekeyed = sealed.add(OnWaiting::Refuse).unwrap();
            assert_eq!(rekeyed.generation, if is_committed(step) { 3 } else { 2 }, "{step:?}");
            assert!(!sealed.rekey_file().exists());
        }
    });
}

#[test]
fn a_file_with_the_containers_own_region_is_removed() {
    on_every_file_system(|sealed| {
        let region = sealed.region();
        sealed.plant(&region);
        assert_eq!(sealed.add(OnWaiting::Refuse).unwrap().generation, 2);
        assert!(!sealed.rekey_file().exists());
    });
}

#[test]
fn a_file_that_another_writer_has_finished_is_not_adopted() {
    on_every_file_system(|sealed| {
        sealed.fail_after(Step::RekeyFileInPlace);
        let left = std::fs::read(sealed.rekey_file()).unwrap();
        assert_eq!(sealed.add(OnWaiting::Refuse).unwrap().generation, 3);
        std::fs::write(sealed.rekey_file(), left).unwrap();
        assert_eq!(generations(&sealed.is_refused()), (Some(3), 2));
        let rekeyed = sealed.add(OnWaiting::Discard).unwrap();
        assert_eq!((rekeyed.generation, rekeyed.added.len(), rekeyed.removed.len()), (4, 1, 0));
        assert!(!sealed.rekey_file().exists());
    });
}

#[test]
fn a_moved_container_is_finished_and_a_copied_one_is_not() {
    on_every_file_system(|sealed| {
        sealed.fail_after(Step::RekeyFileInPlace);
        let copy = sealed.copy();
        std::fs::copy(sealed.rekey_file(), copy.rekey_file()).unwrap();
        assert_eq!(generations(&copy.is_refused()), (Some(1), 2));
        assert!(copy.opens(&copy.old) && copy.opens(&copy.new));
        let moved = Sealed { directory: tempfile::tempdir_in(sealed.directory.path()).unwrap(), ..copy };
        std::fs::rename(sealed.container(), moved.container()).unwrap();
        std::fs::rename(sealed.rekey_file(), moved.rekey_file()).unwrap();
        assert_eq!(moved.add(OnWaiting::Refuse).unwrap().generation, 3);
    });
}

#[test]
fn a_decision_needs_no_other_change_and_is_finished_after_a_crash() {
    on_every_file_system(|sealed| {
        let copy = sealed.copy();
        sealed.replacing().rekey(&copy.container(), &[&sealed.old]).unwrap();
        sealed.plant(&copy.region());
        let options = RekeyOptions::new().on_waiting(OnWaiting::Finish);
        let faults = FailAfter::new(Step::RegionHalfWritten);
        options.rekey_with(&sealed.container(), &[&sealed.old], &faults).unwrap_err();
        let rekeyed = sealed.add(OnWaiting::Refuse).unwrap();
        assert_eq!((rekeyed.generation, rekeyed.stanzas), (3, 2));
        assert!(sealed.opens(&sealed.new) && !sealed.opens(&sealed.old));
        let rekeyed = options.rekey(&sealed.container(), &[&sealed.new]).unwrap();
        assert_eq!((rekeyed.generation, rekeyed.added.len(), rekeyed.removed.len()), (3, 0, 0));
    });
}

#[test]
fn a_file_that_is_not_authentic_can_only_be_discarded() {
    on_every_file_system(|sealed| {
        let other = Sealed::within(sealed.directory.path());
        let before = sealed.region();
        let plants: [&dyn Fn(); 2] = [&|| sealed.plant(&other.region()), &|| {
            std::fs::write(sealed.rekey_file(), "anything").unwrap();
        }];
        for plant in plants {
            plant();
            for on_waiting in [OnWaiting::Refuse, OnWaiting::Finish] {
                let error = sealed.add(on_waiting).unwrap_err();
                assert!(matches!(error, RekeyError::ForeignRekeyFile { .. }), "{error}");
                assert!(sealed.rekey_file().exists() && sealed.region() == before);
            }
            let options = RekeyOptions::new().on_waiting(OnWaiting::Discard);
            assert_eq!(options.rekey(&sealed.container(), &[&sealed.old]).unwrap().generation, 1);
            assert!(!sealed.rekey_file().exists() && sealed.region() == before);
        }
    });
}

#[test]
fn a_planted_stanza_for_a_public_key_does_not_prevent_opening() {
    on_every_file_system(|sealed| {
        let copy = sealed.copy();
        let public = PublicKeyIdentity::generate().unwrap().recipient();
        let options = RekeyOptions::new().trust(Trust::AnySender).add_recipient(&public);
        options.rekey(&copy.container(), &[&sealed.old]).unwrap();
        sealed.plant(&copy.region());
        let opening = OpenOptions::new(Trust::SharedSecret);
        opening.check_sender(&sealed.container()).unwrap();
        let opened = opening.open(&sealed.container(), &[&sealed.old]).unwrap();
        assert_eq!(opened.inspection().generation, 1);
        sealed.is_refused();
        // Adopting the stanzas would vouch for a container that others could have made.
        let finish = |trust| {
            let options = RekeyOptions::new().trust(trust).on_waiting(OnWaiting::Finish);
            options.rekey(&sealed.container(), &[&sealed.old])
        };
        let error = finish(Trust::SharedSecret).unwrap_err();
        assert!(matches!(error, RekeyError::Open(OpenError::SenderNotNamed { .. })), "{error}");
        assert!(sealed.rekey_file().exists());
        sealed.flip();
        let error = opening.open(&sealed.container(), &[&sealed.old]).unwrap_err();
        assert!(matches!(error, OpenError::SenderNotNamed { .. }), "{error}");
        assert_eq!(finish(Trust::AnySender).unwrap().generation, 2);
    });
}
