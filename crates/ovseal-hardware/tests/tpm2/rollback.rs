//! Rollback states anchored by a counter of the TPM.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use ovseal::{
    AnchorError, Attested, ErrorKind, KeyId, ModelName, PublisherKey, RollbackAnchor, RollbackError,
    RollbackState,
};
use ovseal_hardware::tpm2::{ApproverKey, DeviceIdentity, DevicePolicy, EnrollOptions, TpmAnchor, TpmError};
use tempfile::TempDir;

use crate::support::{TestDevice, copy_while_off, list};

/// A device with a rollback state, and a model in it.
struct Tied {
    device: TestDevice,
    publisher: KeyId,
    directory: TempDir,
}

impl Tied {
    fn new(device: TestDevice) -> Self {
        let tied = Self {
            device,
            publisher: PublisherKey::generate().unwrap().publisher().id(),
            directory: tempfile::tempdir().unwrap(),
        };
        RollbackState::create_anchored(&tied.path(), tied.anchor()).unwrap();
        tied
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    fn anchor(&self) -> Arc<TpmAnchor> {
        Arc::new(TpmAnchor::new(self.device.identity()))
    }

    /// Returns the state as a new process would find it.
    fn state(&self) -> RollbackState {
        RollbackState::anchored(self.path(), self.anchor())
    }

    fn raise(&self, version: u64) -> Result<u64, RollbackError> {
        self.state().raise(&[self.publisher], model("m"), version)
    }

    fn floor(&self) -> Result<u64, RollbackError> {
        self.state().floor(&[self.publisher], model("m"))
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path()).unwrap()
    }

    fn put_back(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
    }

    fn generation(&self) -> u64 {
        let text = self.text();
        text.lines().find_map(|line| line.strip_prefix("generation ")).unwrap().parse().unwrap()
    }

    /// Returns the counter's index in the form of tpm2-tools.
    fn index(&self) -> String {
        let text = self.text();
        let place = text.lines().find_map(|line| line.strip_prefix("anchor ")).unwrap();
        format!("0x{}", &place[2..10])
    }

    /// Returns the TPM's reason for rejecting the state, and the kind of failure.
    fn reason(&self) -> (TpmError, ErrorKind) {
        let error = self.floor().unwrap_err();
        let kind = error.kind();
        let RollbackError::Anchor {
            source: AnchorError::Backend(cause) | AnchorError::Refused(cause), ..
        } = error
        else {
            panic!("not the TPM's: {error:?}")
        };
        (*cause.downcast::<TpmError>().unwrap(), kind)
    }
}

fn model(name: &str) -> ovseal::ModelId {
    ModelName::parse(name).unwrap().id()
}

/// Asserts that the TPM rejects the state for this reason.
macro_rules! assert_refused {
    ($tied:expr, $kind:ident, $pattern:pat) => {{
        let (error, kind) = $tied.reason();
        assert!(matches!(error, $pattern), "{error:?}");
        assert_eq!(kind, ErrorKind::$kind);
    }};
}

#[test]
fn floors_rise_with_the_counter_and_reading_does_not_count() {
    let tied = Tied::new(TestDevice::new());
    let begin = tied.generation();
    for (version, floor, counted) in [(0, 0, 0), (3, 3, 1), (3, 3, 1), (2, 3, 1), (4, 4, 2)] {
        assert_eq!(tied.raise(version).unwrap(), floor);
        assert_eq!(tied.floor().unwrap(), floor);
        assert_eq!(tied.generation(), begin + counted, "version {version}");
        let shown = tied.device.swtpm.tool("tpm2_nvread", &[&tied.index(), "--size=8", "-C", &tied.index()]);
        let shown: Vec<u8> = shown.chars().map(|byte| byte as u8).collect();
        assert_eq!(shown.last().copied(), Some((begin + counted) as u8));
    }
    tied.device.swtpm.power_cycle();
    assert_eq!(tied.floor().unwrap(), 4);
}

#[test]
fn a_restored_older_state_is_denied() {
    let tied = Tied::new(TestDevice::new());
    let empty = tied.text();
    tied.raise(1).unwrap();
    let one = tied.text();
    tied.raise(2).unwrap();
    let two = tied.text();
    for older in [&empty, &one] {
        tied.put_back(older);
        let error = tied.floor().unwrap_err();
        assert!(matches!(error, RollbackError::RolledBack { .. }), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(matches!(tied.raise(9), Err(RollbackError::RolledBack { .. })));
    }
    tied.put_back(&two);
    assert_eq!(tied.floor().unwrap(), 2);
}

#[test]
fn a_state_changed_anywhere_is_denied() {
    let tied = Tied::new(TestDevice::new());
    tied.raise(5).unwrap();
    let good = tied.text();
    for position in (0..good.len()).step_by(11) {
        let mut changed = good.clone().into_bytes();
        changed[position] ^= if changed[position] == b'0' { 1 } else { 3 };
        std::fs::write(tied.path(), changed).unwrap();
        let error = tied.floor().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{position}: {error:?}");
    }
    tied.put_back(&good);
    assert_eq!(tied.floor().unwrap(), 5);
}

/// An anchor that crashes before it advances, and keeps the call so that it can happen late.
#[derive(Debug)]
struct Crashing(Arc<TpmAnchor>, Mutex<Option<(Vec<u8>, u64)>>);

impl RollbackAnchor for Crashing {
    fn create(&self) -> Result<Vec<u8>, AnchorError> {
        self.0.create()
    }

    fn attest(&self, place: &[u8], message: &[u8]) -> Result<Attested, AnchorError> {
        self.0.attest(place, message)
    }

    fn advance(&self, place: &[u8], from: u64) -> Result<(), AnchorError> {
        *self.1.lock().unwrap() = Some((place.to_vec(), from));
        Err(AnchorError::Backend("the power is gone".into()))
    }
}

#[test]
fn a_crash_between_file_and_counter_is_repaired() {
    let tied = Tied::new(TestDevice::new());
    tied.raise(1).unwrap();
    let before = tied.text();
    let crashing = Arc::new(Crashing(tied.anchor(), Mutex::default()));
    RollbackState::anchored(tied.path(), crashing.clone())
        .raise(&[tied.publisher], model("m"), 2)
        .unwrap_err();
    assert_eq!(tied.floor().unwrap(), 2);
    tied.put_back(&before);
    assert!(
        matches!(tied.floor(), Err(RollbackError::RolledBack { .. })),
        "the counter was advanced by the check"
    );
}

/// A caller that gives up waiting for the TPM leaves a command that may still be executed.
#[test]
fn a_late_advance_does_not_count() {
    let tied = Tied::new(TestDevice::new());
    let crashing = Arc::new(Crashing(tied.anchor(), Mutex::default()));
    let state = RollbackState::anchored(tied.path(), crashing.clone());
    state.raise(&[tied.publisher], model("m"), 1).unwrap_err();
    // Another process finds the file one generation ahead, and advances the counter on behalf of
    // the first.
    assert_eq!(tied.floor().unwrap(), 1);
    let (place, from) = crashing.1.lock().unwrap().take().unwrap();
    tied.anchor().advance(&place, from).unwrap();
    assert_eq!(tied.floor().unwrap(), 1);
    assert_eq!(tied.raise(2).unwrap(), 2);
    // An advance that succeeds in time counts once.
    let shown = || tied.anchor().attest(&place, &[]).unwrap().counter;
    assert_eq!(shown(), from + 2);
    tied.anchor().advance(&place, from + 2).unwrap();
    tied.anchor().advance(&place, from + 2).unwrap();
    assert_eq!(shown(), from + 3);
}

#[test]
fn a_tpm_that_is_absent_cleared_or_another_one_is_reported() {
    let tied = Tied::new(TestDevice::new());
    tied.raise(1).unwrap();
    tied.device.swtpm.cut_power();
    assert_refused!(tied, Environment, TpmError::Connect { .. });
    tied.device.swtpm.power_on();
    assert_eq!(tied.floor().unwrap(), 1);
    let other = TestDevice::new();
    let elsewhere = RollbackState::anchored(tied.path(), Arc::new(TpmAnchor::new(other.identity())));
    let error = elsewhere.floor(&[tied.publisher], model("m")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    tied.device.swtpm.tool("tpm2_clear", &["-c", "p"]);
    assert_refused!(tied, Denied, TpmError::AnotherTpm);
}

#[test]
fn access_to_the_tpm_can_make_it_deny_a_state_but_never_accept_one() {
    let tied = Tied::new(TestDevice::new());
    tied.raise(1).unwrap();
    let one = tied.text();
    tied.raise(2).unwrap();
    let (index, swtpm) = (tied.index(), &tied.device.swtpm);
    // Another counter, such as that of epochs, cannot replace the state's own.
    let epoch = format!("anchor 01{:08x}", u32::from_str_radix(&index[2..], 16).unwrap() - 1);
    tied.put_back(&one.replace(&format!("anchor 01{}", &index[2..]), &epoch));
    assert!(matches!(tied.floor(), Err(RollbackError::NotAuthentic { .. })));
    // A writable index cannot replace it either: it could show any number.
    tied.put_back(&one);
    swtpm.tool("tpm2_nvundefine", &[&index, "-C", "o"]);
    assert_refused!(tied, Denied, TpmError::NoCounter(_));
    swtpm.tool("tpm2_nvdefine", &[&index, "-C", "o", "-s", "8", "-a", "ownerread|authread|authwrite|no_da"]);
    std::fs::write(swtpm.state().join("number"), one_as_counter(&one)).unwrap();
    let number = swtpm.state().join("number").display().to_string();
    swtpm.tool("tpm2_nvwrite", &[&index, "-C", &index, "-i", &number]);
    assert_refused!(tied, Denied, TpmError::NoCounter(_));
    // A new counter starts above the values of all earlier ones.
    swtpm.tool("tpm2_nvundefine", &[&index, "-C", "o"]);
    swtpm.tool(
        "tpm2_nvdefine",
        &[&index, "-C", "o", "-s", "8", "-a", "nt=counter|ownerread|authread|authwrite|no_da"],
    );
    swtpm.tool("tpm2_nvincrement", &[&index, "-C", &index]);
    assert!(matches!(tied.floor(), Err(RollbackError::RolledBack { .. })));
}

/// Encodes the generation of a state as the value of an NV index.
fn one_as_counter(text: &str) -> [u8; 8] {
    let generation = text.lines().find_map(|line| line.strip_prefix("generation ")).unwrap();
    generation.parse::<u64>().unwrap().to_be_bytes()
}

#[test]
fn the_policy_of_the_devices_key_applies_to_the_state() {
    let key = ApproverKey::generate().unwrap();
    let policy = DevicePolicy::default().approved(list("16"), key.approver());
    let device = TestDevice::enrolled(|_| EnrollOptions::new(policy).pin(b"2580"));
    let approve = || device.approve("16", &key, "a.approval");
    approve();
    let (directory, publisher) = (tempfile::tempdir().unwrap(), PublisherKey::generate().unwrap());
    let path = directory.path().join("state");
    let anchor = |pin: &[u8]| Arc::new(TpmAnchor::new(device.identity().with_pin(pin)));
    RollbackState::create_anchored(&path, anchor(b"2580")).unwrap();
    let raise = |pin: &[u8], version| {
        RollbackState::anchored(&path, anchor(pin)).raise(&[publisher.publisher().id()], model("m"), version)
    };
    assert_eq!(raise(b"2580", 4).unwrap(), 4);
    assert_eq!(raise(b"0000", 5).unwrap_err().kind(), ErrorKind::Denied);
    device.swtpm.extend(16);
    assert_eq!(raise(b"2580", 5).unwrap_err().kind(), ErrorKind::Denied);
    approve();
    assert_eq!(raise(b"2580", 5).unwrap(), 5);
}

#[test]
fn concurrent_raises_lose_nothing_and_count_once_each() {
    let tied = Tied::new(TestDevice::new());
    let begin = tied.generation();
    thread::scope(|scope| {
        for number in 0..6 {
            let tied = &tied;
            // Each has its own connection. The lock keeps their commands apart.
            scope.spawn(move || {
                let (state, model) = (tied.state(), model(&number.to_string()));
                assert_eq!(state.floor(&[tied.publisher], model).unwrap(), 0);
                assert_eq!(state.raise(&[tied.publisher], model, 7).unwrap(), 7);
            });
        }
    });
    assert_eq!(tied.generation(), begin + 6);
    for number in 0..6 {
        assert_eq!(tied.state().floor(&[tied.publisher], model(&number.to_string())).unwrap(), 7);
    }
}

/// Cuts the TPM's power while floors are raised. Raised floors persist, and no repair is needed.
#[test]
fn power_losses_at_random_points_never_lose_a_floor_or_the_state() {
    let tied = Tied::new(TestDevice::new());
    let begin = Instant::now();
    tied.raise(1).unwrap();
    let took = begin.elapsed();
    let (raised, tried) = (AtomicU64::new(1), AtomicU64::new(1));
    for round in 0..50 {
        thread::scope(|scope| {
            let raising = scope.spawn(|| {
                loop {
                    let next = tried.fetch_add(1, Ordering::Relaxed) + 1;
                    match tied.raise(next) {
                        Ok(floor) => raised.store(floor, Ordering::Relaxed),
                        Err(error) => break error,
                    }
                }
            });
            // The time from the start of the first raise to the end of the second.
            thread::sleep(took * ((round * 37) % 50) / 25);
            // On a busy machine a raise takes longer. At least one is completed.
            while round == 49 && raised.load(Ordering::Relaxed) == 1 && !raising.is_finished() {
                thread::yield_now();
            }
            tied.device.swtpm.cut_power();
            let error = raising.join().unwrap();
            assert_eq!(error.kind(), ErrorKind::Environment, "{error:?}");
        });
        tied.device.swtpm.power_on();
        let floor = tied.floor().unwrap();
        let (least, most) = (raised.load(Ordering::Relaxed), tried.load(Ordering::Relaxed));
        assert!((least..=most).contains(&floor), "round {round}: {floor} is not in {least}..={most}");
    }
    assert!(raised.load(Ordering::Relaxed) > 1, "no raise was ever completed");
    assert_eq!(tied.device.tpm().status().unwrap().failures, 0);
}

/// The host of a virtual TPM can restore an older state.
///
/// With the state file from the same time, this is invisible. With a file newer by one raise, it
/// looks like a crash, and the newer file holds. With an even newer file, the check reports that
/// the counter was set back.
#[test]
fn an_older_state_of_a_virtual_tpm_is_detected_only_with_a_newer_file() {
    let tied = Tied::new(TestDevice::new());
    tied.raise(1).unwrap();
    let one = tied.text();
    let (swtpm, copy) = (&tied.device.swtpm, tempfile::tempdir().unwrap());
    copy_while_off(swtpm, &swtpm.state(), copy.path());
    let set_back = || copy_while_off(swtpm, copy.path(), &swtpm.state());
    tied.raise(2).unwrap();
    let two = tied.text();
    set_back();
    assert_eq!(tied.floor().unwrap(), 2);
    tied.put_back(&one);
    assert!(matches!(tied.floor(), Err(RollbackError::RolledBack { .. })), "the counter went on");
    tied.put_back(&two);
    tied.raise(3).unwrap();
    set_back();
    let error = tied.floor().unwrap_err();
    assert!(matches!(error, RollbackError::CounterSetBack { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Denied);
    tied.put_back(&one);
    assert_eq!(tied.floor().unwrap(), 1);
}

#[test]
fn the_device_opens_with_the_connection_that_checks_the_state() {
    let tied = Tied::new(TestDevice::new());
    let identity: DeviceIdentity = tied.device.identity();
    let state = RollbackState::anchored(tied.path(), Arc::new(TpmAnchor::new(identity.clone())));
    let sealed = crate::support::seal(&tied.device.device.recipient());
    // One connection serves both.
    state.floor(&[tied.publisher], model("m")).unwrap();
    crate::support::open(&sealed.path, &identity).unwrap();
    state.raise(&[tied.publisher], model("m"), 1).unwrap();
}
