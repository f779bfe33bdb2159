//! States, their locks, and what an anchor adds to them.

use std::sync::atomic::{AtomicU32, Ordering};

use ovseal_format::error_kind::ErrorKind;
use ovseal_format::suite::sha256;

use super::*;

const PUBLISHER: KeyId = KeyId::from_bytes([1; 32]);

#[test]
fn a_floor_is_raised_and_never_lowered() {
    let folder = tempfile::tempdir().unwrap();
    let state = RollbackState::create(&folder.path().join("state")).unwrap();
    let model = ModelId::of("m");
    for (version, floor) in [(0, 0), (3, 3), (2, 3), (4, 4)] {
        assert_eq!(state.raise(&[PUBLISHER], model, version).unwrap(), floor);
        assert_eq!(state.floor(&[PUBLISHER], model).unwrap(), floor);
    }
    assert_eq!(state.floor(&[PUBLISHER], ModelId::of("other")).unwrap(), 0);
}

#[test]
fn a_state_behind_a_link_is_raised_where_it_is_and_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("state"), folder.path().join("link"));
    let state = RollbackState::create(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    RollbackState::new(&link).raise(&[PUBLISHER], ModelId::of("m"), 3).unwrap();
    assert!(link.is_symlink());
    assert_eq!(state.floor(&[PUBLISHER], ModelId::of("m")).unwrap(), 3);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let lock = folder.path().join("state.lock").metadata().unwrap();
    assert_eq!(lock.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_full_state_is_told_and_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let state = RollbackState::create(&folder.path().join("state")).unwrap();
    let floors = (0..8000).map(|i| ((PUBLISHER, ModelId::of(&i.to_string())), 1)).collect();
    let many = Text { floors, binding: None };
    assert!(matches!(state.write(&many, true), Err(RollbackError::Full { .. })));
    assert!(state.read().unwrap().floors.is_empty());
}

#[test]
fn a_missing_state_is_denied() {
    let folder = tempfile::tempdir().unwrap();
    let error =
        RollbackState::new(folder.path().join("none")).floor(&[PUBLISHER], ModelId::of("m")).unwrap_err();
    assert!(matches!(error, RollbackError::Missing { .. }) && error.kind() == ErrorKind::Denied);
}

#[test]
fn threads_that_raise_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = RollbackState::create(&folder.path().join("state")).unwrap();
    std::thread::scope(|scope| {
        for model in 0..8 {
            let state = &state;
            scope.spawn(move || state.raise(&[PUBLISHER], ModelId::of(&model.to_string()), 5).unwrap());
        }
    });
    for model in 0..8 {
        assert_eq!(state.floor(&[PUBLISHER], ModelId::of(&model.to_string())).unwrap(), 5);
    }
}

/// A counter in memory, and a digest in the place of a MAC; the next so many advances fail. It is counted how often it is
/// asked, and how often made.
#[derive(Debug, Default)]
struct Counter(Mutex<(u64, u32)>, AtomicU32, AtomicU32);

impl RollbackAnchor for Counter {
    fn create(&self) -> Result<Vec<u8>, AnchorError> {
        self.2.fetch_add(1, Ordering::Relaxed);
        Ok(vec![7; 3])
    }

    fn attest(&self, place: &[u8], message: &[u8]) -> Result<Attested, AnchorError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Ok(Attested { counter: self.0.lock().unwrap().0, mac: sha256(&[place, message]) })
    }

    fn advance(&self, _place: &[u8], from: u64) -> Result<(), AnchorError> {
        let mut counter = self.0.lock().unwrap();
        if counter.1 > 0 {
            counter.1 -= 1;
            return Err(AnchorError::Backend("no answer".into()));
        }
        counter.0 += u64::from(counter.0 == from);
        Ok(())
    }
}

/// A state tied to a counter, in a folder.
fn tied() -> (tempfile::TempDir, Arc<Counter>, RollbackState) {
    let (folder, counter) = (tempfile::tempdir().unwrap(), Arc::new(Counter::default()));
    let state = RollbackState::create_anchored(&folder.path().join("state"), counter.clone()).unwrap();
    (folder, counter, state)
}

#[test]
fn the_counter_grows_with_the_floors_and_with_nothing_else() {
    let (_folder, counter, state) = tied();
    let model = ModelId::of("m");
    for (version, shown) in [(0, 0), (3, 1), (3, 1), (2, 1), (4, 2)] {
        state.raise(&[PUBLISHER], model, version).unwrap();
        state.floor(&[PUBLISHER], model).unwrap();
        assert_eq!(counter.0.lock().unwrap().0, shown, "{version}");
    }
    assert_eq!(state.floor(&[PUBLISHER], model).unwrap(), 4);
}

#[test]
fn an_opening_that_raises_nothing_asks_once_and_one_that_finds_another_file_asks_again() {
    let (_folder, counter, state) = tied();
    let model = ModelId::of("m");
    let begin = std::fs::read(&state.path).unwrap();
    state.raise(&[PUBLISHER], model, 1).unwrap();
    let asked = || counter.1.swap(0, Ordering::Relaxed);
    asked();
    for _ in 0..2 {
        assert_eq!(state.floor(&[PUBLISHER], model).unwrap(), 1);
        assert_eq!(state.clone().raise(&[PUBLISHER], model, 1).unwrap(), 1);
        assert_eq!(asked(), 1);
    }
    assert_eq!(state.floor(&[PUBLISHER], model).unwrap(), 1);
    std::fs::write(&state.path, begin).unwrap();
    assert!(matches!(state.raise(&[PUBLISHER], model, 0), Err(RollbackError::RolledBack { .. })));
    assert_eq!(asked(), 2);
}

#[test]
fn a_crash_between_file_and_counter_is_made_good_by_whoever_comes_next() {
    let (_folder, counter, state) = tied();
    let model = ModelId::of("m");
    state.raise(&[PUBLISHER], model, 1).unwrap();
    counter.0.lock().unwrap().1 = 1;
    let crashed = state.raise(&[PUBLISHER], model, 2).unwrap_err();
    assert!(matches!(crashed, RollbackError::Anchor { .. }) && crashed.kind() == ErrorKind::Environment);
    assert_eq!(counter.0.lock().unwrap().0, 1);
    assert_eq!(state.floor(&[PUBLISHER], model).unwrap(), 2);
    assert_eq!(counter.0.lock().unwrap().0, 2);
    assert_eq!(state.raise(&[PUBLISHER], model, 3).unwrap(), 3);
}

#[test]
fn an_older_state_a_counter_that_was_set_back_and_a_forgery_are_denied() {
    let (_folder, counter, state) = tied();
    let model = ModelId::of("m");
    let older = std::fs::read_to_string(&state.path).unwrap();
    state.raise(&[PUBLISHER], model, 1).unwrap();
    let newer = std::fs::read_to_string(&state.path).unwrap();
    let denied = |text: &str| {
        std::fs::write(&state.path, text).unwrap();
        let error = state.floor(&[PUBLISHER], model).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        error
    };
    let rolled_back = denied(&older);
    assert!(matches!(rolled_back, RollbackError::RolledBack { generation: 0, counter: 1, .. }));
    let lower = newer.replace(" 1\n", " 0\n");
    assert!(matches!(denied(&lower), RollbackError::NotAuthentic { .. }));
    let other_place = newer.replace("anchor 070707", "anchor 070708");
    assert!(matches!(denied(&other_place), RollbackError::NotAuthentic { .. }));
    std::fs::write(&state.path, &newer).unwrap();
    state.raise(&[PUBLISHER], model, 2).unwrap();
    counter.0.lock().unwrap().0 = 0;
    let set_back = state.floor(&[PUBLISHER], model).unwrap_err();
    assert!(matches!(set_back, RollbackError::CounterSetBack { generation: 2, counter: 0, .. }));
}

#[test]
fn a_state_that_cannot_be_written_costs_no_counter() {
    let (folder, counter) = (tempfile::tempdir().unwrap(), Arc::new(Counter::default()));
    let error = RollbackState::create_anchored(&folder.path().join("none/state"), counter.clone());
    let error = error.unwrap_err();
    assert!(matches!(error, RollbackError::Write { .. }) && error.kind() == ErrorKind::Environment);
    assert_eq!(counter.2.load(Ordering::Relaxed), 0);
    RollbackState::create_anchored(&folder.path().join("state"), counter.clone()).unwrap();
    assert_eq!(counter.2.load(Ordering::Relaxed), 1);
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[test]
fn a_missing_state_says_whether_it_should_be_tied() {
    let (folder, counter) = (tempfile::tempdir().unwrap(), Arc::new(Counter::default()));
    let path = folder.path().join("none");
    for (state, tied) in [(RollbackState::anchored(&path, counter), true), (RollbackState::new(&path), false)]
    {
        let error = state.floor(&[PUBLISHER], ModelId::of("m")).unwrap_err();
        assert!(matches!(error, RollbackError::Missing { anchored, .. } if anchored == tied));
    }
}

#[test]
fn the_lock_of_a_tied_state_is_waited_for_longer_than_a_tpm_may_take() {
    let (_folder, _counter, state) = tied();
    assert!(state.patience() >= Duration::from_secs(60));
    let held = state.resolved().unwrap().lock().unwrap();
    std::thread::scope(|scope| {
        let raising = scope.spawn(|| state.raise(&[PUBLISHER], ModelId::of("m"), 1));
        std::thread::sleep(PATIENCE + Duration::from_millis(200));
        assert!(!raising.is_finished());
        drop(held);
        assert_eq!(raising.join().unwrap().unwrap(), 1);
    });
}

#[test]
fn the_lock_of_an_untied_state_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let state = RollbackState::create(&folder.path().join("state")).unwrap();
    let _held = state.resolved().unwrap().lock().unwrap();
    let error = state.raise(&[PUBLISHER], ModelId::of("m"), 1).unwrap_err();
    assert!(matches!(error, RollbackError::Locked { .. }) && error.kind() == ErrorKind::Environment);
}

#[test]
fn whether_a_state_is_tied_is_the_callers_choice_and_not_the_files() {
    let (folder, counter, state) = tied();
    let plain = RollbackState::create(&folder.path().join("plain")).unwrap();
    let error = RollbackState::new(&state.path).floor(&[PUBLISHER], ModelId::of("m")).unwrap_err();
    assert!(matches!(error, RollbackError::Anchored { .. }) && error.kind() == ErrorKind::Denied);
    let demanded = RollbackState::anchored(&plain.path, counter.clone());
    let error = demanded.raise(&[PUBLISHER], ModelId::of("m"), 1).unwrap_err();
    assert!(matches!(error, RollbackError::NotAnchored { .. }) && error.kind() == ErrorKind::Denied);
    let again = RollbackState::create_anchored(&state.path, counter).unwrap_err();
    assert!(matches!(again, RollbackError::Write { .. }));
}
