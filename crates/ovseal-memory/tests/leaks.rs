//! No memory leaks. This is the only test in the file, so no other thread maps memory at the same
//! time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use ovseal_memory::{ModelMemory, Protected, Secret, SecretBytes, protections};
use support::smaps;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Counts the pages of the address space, so that adjacent mappings cannot hide each other.
fn pages() -> usize {
    let numbers = std::fs::read_to_string("/proc/self/statm").unwrap();
    numbers.split_whitespace().next().unwrap().parse().unwrap()
}

fn make_and_drop() {
    let secret = Secret::<32>::from_fn(|bytes| bytes.fill(1));
    let bytes = SecretBytes::from_slice(&[2; 100]).unwrap();
    let object = Protected::new([3; 50]);
    let model = ModelMemory::zeroed(5 << 20).unwrap();
    let addresses =
        [secret.expose().as_ptr(), bytes.expose().as_ptr(), object.as_ptr().cast(), model.as_ptr()];
    assert!(addresses.iter().all(|address| smaps::flags(*address).is_some()));
    drop((secret, bytes, object, model));
    assert_eq!(addresses.map(smaps::flags), [const { None }; 4]);
}

#[test]
fn ten_thousand_lives_leak_no_mapping_and_no_descriptor() {
    make_and_drop();
    let before = (pages(), descriptors());
    for _ in 0..10_000 {
        drop(Secret::<32>::from_fn(|bytes| bytes.fill(1)));
        drop(SecretBytes::from_slice(&[2; 100]).unwrap());
        drop(Protected::new([3; 50]));
        drop(ModelMemory::zeroed(3 << 20).unwrap());
    }
    protections();
    assert_eq!((pages(), descriptors()), before);
}
