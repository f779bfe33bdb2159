//! Signals affect the whole process, so this test has its own process.

#[path = "support/fillers.rs"]
mod fillers;
mod support;

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::thread;

use fillers::{CHUNK, Pattern, Random, assert_pattern, expected};
use ovseal_memory::PagedMemory;
use support::patience::within_reason;

static MEMORY: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static SIGNALS: AtomicUsize = AtomicUsize::new(0);
static DIFFERING: AtomicUsize = AtomicUsize::new(0);

/// Reads a byte of the memory. A thread that fills the memory would wait for itself here.
extern "C" fn handler(_signal: libc::c_int) {
    let offset = SIGNALS.fetch_add(1, Ordering::Relaxed) * 4099 % LENGTH;
    let address = MEMORY.load(Ordering::Relaxed);
    if !address.is_null() {
        // SAFETY: the memory has this many bytes and outlives the timer.
        let byte = unsafe { address.wrapping_add(offset).read_volatile() };
        DIFFERING.fetch_add(usize::from(byte != expected(offset)), Ordering::Relaxed);
    }
}

/// Sends `SIGALRM` to the process at this interval; 0 ends it.
fn storm(microseconds: libc::suseconds_t) {
    let interval = libc::timeval { tv_sec: 0, tv_usec: microseconds };
    let timer = libc::itimerval { it_interval: interval, it_value: interval };
    // SAFETY: the timer is valid, and the old one is not requested.
    assert_eq!(unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, ptr::null_mut()) }, 0);
}

fn install() {
    // SAFETY: a zeroed `sigaction` is valid: without flags, no call is restarted.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as libc::sighandler_t;
    // SAFETY: the handler makes no calls and allocates nothing.
    assert_eq!(unsafe { libc::sigaction(libc::SIGALRM, &raw const action, ptr::null_mut()) }, 0);
}

#[test]
fn a_storm_of_signals_while_memory_is_filled_does_no_harm() {
    install();
    within_reason(|| {
        storm(500);
        let mut lives = 0;
        while SIGNALS.load(Ordering::Relaxed) < 500 {
            let memory = PagedMemory::start(Pattern::slow(LENGTH), 2).unwrap();
            MEMORY.store(memory.as_ptr().cast_mut(), Ordering::Relaxed);
            thread::scope(|scope| {
                for seed in 1..=4 {
                    let memory = &memory;
                    scope.spawn(move || {
                        let mut random = Random(seed * 0x0F0F_1234_5678_9ABD);
                        for _ in 0..50 {
                            let offset = random.below(LENGTH - CHUNK);
                            assert_pattern(offset, &memory[offset..offset + CHUNK]);
                        }
                    });
                }
            });
            memory.wait().unwrap();
            assert!(memory.release());
            assert_pattern(0, &memory);
            // A handler may still be reading, so the memory is leaked.
            std::mem::forget(memory);
            lives += 1;
        }
        storm(0);
        assert!(lives > 0);
    });
    assert_eq!(DIFFERING.load(Ordering::Relaxed), 0);
}

const LENGTH: usize = 60 * CHUNK + 99;
