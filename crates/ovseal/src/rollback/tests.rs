//! States, their locks, and the protection that an anchor adds.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

use ovseal_format::error_kind::ErrorKind as Kind;
use ovseal_format::suite::sha256;
use tempfile::TempDir;

use super::*;

const PUBLISHER: KeyId = KeyId::from_bytes([1; 32]);

fn floor(state: &RollbackState) -> Result<u64, RollbackError> {
    state.floor(&[PUBLISHER], ModelId::of("m"))
}

fn raise(state: &RollbackState, version: u64) -> Result<u64, RollbackError> {
    state.raise(&[PUBLISHER], ModelId::of("m"), version)
}

/// Creates a state without an anchor.
fn plain() -> (TempDir, RollbackState) {
    let directory = tempfile::tempdir().unwrap();
    let state = RollbackState::create(&directory.path().join("state")).unwrap();
    (directory, state)
}

/// Creates a state tied to a counter.
fn anchored() -> (TempDir, Arc<Counter>, RollbackState) {
    let (directory, counter) = (tempfile::tempdir().unwrap(), Arc::new(Counter::default()));
    let state = RollbackState::create_anchored(&directory.path().join("state"), counter.clone()).unwrap();
    (directory, counter, state)
}

/// A counter in memory, with a digest instead of a MAC.
#[derive(Debug, Default)]
struct Counter {
    value: AtomicU64,
    /// The number of advances that will fail.
    failures: AtomicU32,
    /// Calls of [`RollbackAnchor::attest`].
    asked: AtomicU32,
    /// Calls of [`RollbackAnchor::create`].
    created: AtomicU32,
}

impl RollbackAnchor for Counter {
    fn create(&self) -> Result<Vec<u8>, AnchorError> {
        self.created.fetch_add(1, SeqCst);
        Ok(vec![7; 3])
    }

    fn attest(&self, record: &[u8], message: &[u8]) -> Result<Attested, AnchorError> {
        self.asked.fetch_add(1, SeqCst);
        Ok(Attested { counter: self.value.load(SeqCst), mac: sha256(&[record, message]) })
    }

    fn advance(&self, _record: &[u8], from: u64) -> Result<(), AnchorError> {
        if self.failures.load(SeqCst) > 0 {
            self.failures.fetch_sub(1, SeqCst);
            return Err(AnchorError::Backend("no answer".into()));
        }
        let _ = self.value.compare_exchange(from, from + 1, SeqCst, SeqCst);
        Ok(())
    }
}

#[test]
fn a_floor_is_raised_and_never_lowered() {
    let (_directory, state) = plain();
    for (version, expected) in [(0, 0), (3, 3), (2, 3), (4, 4)] {
        assert_eq!(raise(&state, version).unwrap(), expected);
        assert_eq!(floor(&state).unwrap(), expected);
    }
    assert_eq!(state.floor(&[PUBLISHER], ModelId::of("other")).unwrap(), 0);
}

#[test]
fn a_state_behind_a_link_is_raised_in_place_and_keeps_its_permissions() {
    let (directory, state) = plain();
    let link = directory.path().join("link");
    let mode = |name: &str| directory.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    std::fs::set_permissions(&state.path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink(&state.path, &link).unwrap();
    raise(&RollbackState::new(&link), 3).unwrap();
    assert!(link.is_symlink());
    assert_eq!(floor(&state).unwrap(), 3);
    assert_eq!((mode("state"), mode("state.lock")), (0o600, 0o600));
}

#[test]
fn a_full_state_is_reported_and_stays_as_it_was() {
    let (_directory, state) = plain();
    let floors = (0..8000).map(|i| ((PUBLISHER, ModelId::of(&i.to_string())), 1)).collect();
    let many = Contents { floors, binding: None };
    assert!(matches!(state.write(&many, true), Err(RollbackError::Full { .. })));
    assert!(state.read().unwrap().floors.is_empty());
}

#[test]
fn a_missing_state_is_denied_and_says_whether_it_should_be_anchored() {
    let (directory, counter) = (tempfile::tempdir().unwrap(), Arc::new(Counter::default()));
    let path = directory.path().join("none");
    for (state, expected) in
        [(RollbackState::anchored(&path, counter), true), (RollbackState::new(&path), false)]
    {
        let error = floor(&state).unwrap_err();
        assert!(matches!(error, RollbackError::Missing { anchored, .. } if anchored == expected));
        assert_eq!(error.kind(), Kind::Denied);
    }
}

#[test]
fn threads_that_raise_at_once_lose_nothing() {
    let (_directory, state) = plain();
    let models: Vec<ModelId> = (0..8).map(|model| ModelId::of(&model.to_string())).collect();
    std::thread::scope(|scope| {
        for &model in &models {
            let state = &state;
            scope.spawn(move || state.raise(&[PUBLISHER], model, 5).unwrap());
        }
    });
    assert!(models.iter().all(|&model| state.floor(&[PUBLISHER], model).unwrap() == 5));
}

#[test]
fn the_counter_advances_only_when_a_floor_is_raised() {
    let (_directory, counter, state) = anchored();
    for (version, expected) in [(0, 0), (3, 1), (3, 1), (2, 1), (4, 2)] {
        raise(&state, version).unwrap();
        floor(&state).unwrap();
        assert_eq!(counter.value.load(SeqCst), expected, "{version}");
    }
    assert_eq!(floor(&state).unwrap(), 4);
}

#[test]
fn an_opening_that_raises_nothing_asks_the_anchor_once_unless_the_file_changes() {
    let (_directory, counter, state) = anchored();
    let begin = std::fs::read(&state.path).unwrap();
    raise(&state, 1).unwrap();
    let asked = || counter.asked.swap(0, SeqCst);
    asked();
    for _ in 0..2 {
        assert_eq!(floor(&state).unwrap(), 1);
        assert_eq!(raise(&state.clone(), 1).unwrap(), 1);
        assert_eq!(asked(), 1);
    }
    assert_eq!(floor(&state).unwrap(), 1);
    std::fs::write(&state.path, begin).unwrap();
    assert!(matches!(raise(&state, 0), Err(RollbackError::RolledBack { .. })));
    assert_eq!(asked(), 2);
}

#[test]
fn the_next_process_repairs_a_crash_between_file_and_counter() {
    let (_directory, counter, state) = anchored();
    raise(&state, 1).unwrap();
    counter.failures.store(1, SeqCst);
    let crashed = raise(&state, 2).unwrap_err();
    assert!(matches!(crashed, RollbackError::Anchor { .. }) && crashed.kind() == Kind::Environment);
    assert_eq!(counter.value.load(SeqCst), 1);
    assert_eq!(floor(&state).unwrap(), 2);
    assert_eq!(counter.value.load(SeqCst), 2);
    assert_eq!(raise(&state, 3).unwrap(), 3);
}

#[test]
fn an_older_state_a_forged_state_and_a_counter_that_was_set_back_are_denied() {
    let (_directory, counter, state) = anchored();
    let older = std::fs::read_to_string(&state.path).unwrap();
    raise(&state, 1).unwrap();
    let newer = std::fs::read_to_string(&state.path).unwrap();
    let denied = |text: &str| {
        std::fs::write(&state.path, text).unwrap();
        let error = floor(&state).unwrap_err();
        assert_eq!(error.kind(), Kind::Denied);
        error
    };
    let rolled_back = denied(&older);
    assert!(matches!(rolled_back, RollbackError::RolledBack { generation: 0, counter: 1, .. }));
    for (genuine, forged) in [(" 1\n", " 0\n"), ("anchor 070707", "anchor 070708")] {
        assert!(matches!(denied(&newer.replace(genuine, forged)), RollbackError::NotAuthentic { .. }));
    }
    std::fs::write(&state.path, &newer).unwrap();
    raise(&state, 2).unwrap();
    counter.value.store(0, SeqCst);
    let set_back = floor(&state).unwrap_err();
    assert!(matches!(set_back, RollbackError::CounterSetBack { generation: 2, counter: 0, .. }));
}

#[test]
fn a_state_that_cannot_be_written_creates_no_counter() {
    let (directory, counter) = (tempfile::tempdir().unwrap(), Arc::new(Counter::default()));
    let error = RollbackState::create_anchored(&directory.path().join("none/state"), counter.clone());
    let error = error.unwrap_err();
    assert!(matches!(error, RollbackError::Write { .. }) && error.kind() == Kind::Environment);
    assert_eq!(counter.created.load(SeqCst), 0);
    RollbackState::create_anchored(&directory.path().join("state"), counter.clone()).unwrap();
    assert_eq!(counter.created.load(SeqCst), 1);
    assert_eq!(directory.path().read_dir().unwrap().count(), 1);
}

#[test]
fn a_process_waits_for_the_lock_of_an_anchored_state_longer_than_a_tpm_may_take() {
    let (_directory, _counter, state) = anchored();
    assert!(state.patience() >= Duration::from_secs(60));
    let held = state.locked().unwrap();
    std::thread::scope(|scope| {
        let raising = scope.spawn(|| raise(&state, 1));
        std::thread::sleep(PATIENCE + Duration::from_millis(200));
        assert!(!raising.is_finished());
        drop(held);
        assert_eq!(raising.join().unwrap().unwrap(), 1);
    });
}

#[test]
fn a_process_stops_waiting_for_the_lock_of_a_plain_state() {
    let (_directory, state) = plain();
    let _held = state.locked().unwrap();
    let error = raise(&state, 1).unwrap_err();
    assert!(matches!(error, RollbackError::Locked { .. }) && error.kind() == Kind::Environment);
}

#[test]
fn the_caller_and_not_the_file_decides_whether_a_state_is_anchored() {
    let (directory, counter, state) = anchored();
    let plain = RollbackState::create(&directory.path().join("plain")).unwrap();
    let error = floor(&RollbackState::new(&state.path)).unwrap_err();
    assert!(matches!(error, RollbackError::Anchored { .. }) && error.kind() == Kind::Denied);
    let error = raise(&RollbackState::anchored(&plain.path, counter.clone()), 1).unwrap_err();
    assert!(matches!(error, RollbackError::NotAnchored { .. }) && error.kind() == Kind::Denied);
    let again = RollbackState::create_anchored(&state.path, counter).unwrap_err();
    assert!(matches!(again, RollbackError::Write { .. }));
}
