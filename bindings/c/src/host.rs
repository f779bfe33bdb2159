//! Protections of keys and plaintext on this host.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use ovseal_memory::{Swap, harden_process, protections};

use crate::error::{ovseal_error, run, run_or};
use crate::text::{Required, bad_argument};

/// The protections of keys and weights on this host and in this process, as `ovseal doctor` shows
/// them.
///
/// Start from `OVSEAL_PROTECTIONS_INIT`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ovseal_protections {
    /// `sizeof(ovseal_protections)`.
    pub size: usize,
    /// True if `memfd_secret` works: keys are in memory that not even the kernel maps.
    pub secret_memory: bool,
    /// True if memory can be locked: keys are never swapped out.
    pub locked_memory: bool,
    /// True if the process can be dumped, and read by other processes of the same user. See
    /// `ovseal_harden_process`.
    pub dumpable: bool,
    /// True if weights can be decrypted while the runtime reads them: `userfaultfd` works in this
    /// process.
    pub userfaultfd: bool,
    /// 1 if there is swap space, 0 if there is none, -1 if that is unknown.
    pub swap: i32,
    /// The number of bytes the process may lock; `UINT64_MAX` for no limit.
    pub locked_memory_limit: u64,
    /// The maximum size of a core file in bytes; `UINT64_MAX` for no limit.
    pub core_limit: u64,
    /// True if keys are neither in secret nor in locked memory, and may be swapped to disk.
    pub keys_may_be_swapped: bool,
}

/// Tests how this host protects keys. `protections->size` must be set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ovseal_protections_read(
    protections: Option<&mut MaybeUninit<ovseal_protections>>,
) -> *mut ovseal_error {
    run(|| {
        let place = protections.required("protections")?;
        // SAFETY: the pointer has room for all members.
        let size = unsafe { &raw const (*place.as_ptr()).size };
        // SAFETY: the header requires this member to be set. No other member is read.
        let size = unsafe { size.read() };
        if size < size_of::<ovseal_protections>() {
            return Err(bad_argument("protections->size is not sizeof(ovseal_protections)"));
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

/// Turns off core dumps and keeps out debuggers of the same user. Returns whether both worked.
///
/// Call this at the start of `main`: a debugger that is already attached stays attached.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_harden_process() -> bool {
    run_or(false, || {
        let hardening = harden_process();
        hardening.not_dumpable && hardening.no_core_files
    })
}

/// Returns the version of the library, such as `1.2.3`.
#[unsafe(no_mangle)]
pub extern "C" fn ovseal_version() -> *const c_char {
    const VERSION: &[u8] = concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes();
    VERSION.as_ptr().cast()
}
