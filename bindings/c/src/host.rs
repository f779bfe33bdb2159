//! What the host gives to protect keys and plaintext.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use ovseal_memory::{Swap, harden_process, protections};

use crate::error::{bad_argument, ovseal_error, run, run_or};
use crate::text::Required;

/// What this host, and this process on it, gives to protect keys and weights: what `ovseal doctor` shows of memory.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_protections {
    /// `sizeof(ovseal_protections)`, set by the caller: a later version may add members.
    pub size: usize,
    /// `memfd_secret` works: keys stand in memory that the kernel itself does not map.
    pub secret_memory: bool,
    /// Ordinary memory can be locked: keys cannot be swapped.
    pub locked_memory: bool,
    /// The process can be dumped and, by the same user, read; see `ovseal_harden_process`.
    pub dumpable: bool,
    /// Weights are decrypted while the runtime reads them: the host gives `userfaultfd` for this process's own faults.
    pub userfaultfd: bool,
    /// Whether there is swap space: 1 yes, 0 no, -1 not known.
    pub swap: i32,
    /// Bytes that the process may lock; `UINT64_MAX` without a limit.
    pub locked_memory_limit: u64,
    /// Bytes of a core file; `UINT64_MAX` without a limit.
    pub core_limit: u64,
    /// Keys have neither secret nor locked memory, and may be swapped to a disk.
    pub keys_may_be_swapped: bool,
}

/// Finds out what this host gives by trying it; nothing stays behind. `protections->size` must be set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_protections_read(
    protections: Option<&mut MaybeUninit<ovseal_protections>>,
) -> *mut ovseal_error {
    run(|| {
        let place = protections.required("protections")?;
        // SAFETY: the place has room for all members.
        let size = unsafe { &raw const (*place.as_ptr()).size };
        // SAFETY: the header demands that this member is set; no other is read.
        let size = unsafe { size.read() };
        if size < size_of::<ovseal_protections>() {
            return Err(bad_argument("the size of the protections is not sizeof(ovseal_protections)"));
        }
        let found = self::protections();
        place.write(ovseal_protections {
            size,
            secret_memory: found.secret_memory,
            locked_memory: found.locked_memory,
            dumpable: found.dumpable,
            userfaultfd: found.userfaultfd.user_mode,
            swap: match found.swap {
                Swap::Present => 1,
                Swap::Absent => 0,
                Swap::Unknown => -1,
            },
            locked_memory_limit: found.locked_memory_limit.unwrap_or(u64::MAX),
            core_limit: found.core_limit.unwrap_or(u64::MAX),
            keys_may_be_swapped: !found.secret_memory && !found.locked_memory,
        });
        Ok(())
    })
}

/// Turns core dumps off and keeps debuggers of the same user out. Must be the first thing that `main` does: whoever is attached before
/// stays attached. Says whether both worked.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_harden_process() -> bool {
    run_or(false, || {
        let hardening = harden_process();
        hardening.not_dumpable && hardening.no_core_files
    })
}

/// The version of the library, such as `1.2.3`.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_version() -> *const c_char {
    const VERSION: &[u8] = concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes();
    VERSION.as_ptr().cast()
}
