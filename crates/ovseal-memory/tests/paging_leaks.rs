//! Nothing leaks. This is the only test here, so no other thread maps memory at the same time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/fillers.rs"]
mod fillers;
mod support;

use fillers::{CHUNK, Faulty, Pattern, Refused, expected};
use ovseal_memory::PagedMemory;
use support::patience::eventually;
use support::smaps;

fn entries(directory: &str) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

/// Counts accessible bytes. The C library reserves more address space for the heaps of threads, and
/// keeps it.
fn accessible_bytes() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let accessible = maps.lines().filter(|line| !line.contains(" ---p "));
    accessible.map(|line| bytes_of(line).unwrap()).sum()
}

fn bytes_of(line: &str) -> Option<usize> {
    let (start, end) = line.split_once(' ')?.0.split_once('-')?;
    Some(usize::from_str_radix(end, 16).ok()? - usize::from_str_radix(start, 16).ok()?)
}

/// Creates memory and drops it in a state that depends on `round`.
fn live(round: usize) {
    let memory = PagedMemory::start(Pattern::fast(16 * CHUNK + 1), 1 + round % 3).unwrap();
    match round % 5 {
        0 => {}
        1 => assert_eq!(memory[8 * CHUNK], expected(8 * CHUNK)),
        2 => memory.wait().unwrap(),
        3 => {
            memory.wait().unwrap();
            assert!(memory.release());
        }
        _ => {
            let poisoned = PagedMemory::start(Faulty::new(4, |index, _| Err(Refused(index))), 2).unwrap();
            assert!(poisoned.wait().is_err());
        }
    }
}

#[test]
fn a_thousand_lives_leak_no_thread_no_mapping_and_no_descriptor() {
    let threads = entries("/proc/self/task");
    let memory = PagedMemory::start(Pattern::fast(16 * CHUNK), 2).unwrap();
    let address = memory.as_ptr();
    assert!(smaps::flags(address).is_some());
    drop(memory);
    assert_eq!(smaps::flags(address), None);
    (0..50).for_each(live);
    let (descriptors, before) = (entries("/proc/self/fd"), accessible_bytes());
    (0..1000).for_each(live);
    // The kernel may still list a thread for a while after it was joined.
    eventually(|| entries("/proc/self/task") == threads);
    assert_eq!(entries("/proc/self/fd"), descriptors);
    // The C library keeps some stacks of ended threads. A leak of one chunk each time would be
    // larger.
    let grown = accessible_bytes().saturating_sub(before);
    assert!(grown < 1000 * CHUNK, "{grown} bytes more than before");
}
