use std::process;

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, dumpable_behavior, getrlimit, set_dumpable_behavior, setrlimit,
};

/// Reports which protections [`harden_process`] put in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hardening {
    /// The kernel writes no core dump of this process, and no other process of the same user can
    /// read its memory.
    pub not_dumpable: bool,
    /// The limit for core dumps is one byte. Neither this process nor a child can raise it again.
    pub no_core_files: bool,
}

/// Disables core dumps and keeps out debuggers of the same user (`PR_SET_DUMPABLE`, `RLIMIT_CORE`).
///
/// Call this at the start of `main`: a debugger that is already attached stays attached. `exec`
/// undoes the protection, so child programs are dumpable again. Root is not kept out. From then on,
/// files under `/proc/self` belong to root, so `/proc/self/mem` cannot be opened without privilege.
/// `/proc/self/fd` works as before.
///
/// ```
/// let hardening = ovseal_memory::harden_process();
/// assert!(hardening.not_dumpable && hardening.no_core_files);
/// ```
pub fn harden_process() -> Hardening {
    // A sandbox may silently ignore either call, so the outcome is read back.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, NO_CORE).or_else(|_| setrlimit(Resource::Core, ZERO));
    let limit = getrlimit(Resource::Core);
    Hardening { not_dumpable: !is_dumpable(), no_core_files: limit == NO_CORE || limit == ZERO }
}

/// Returns whether the process can be dumped, or read by the same user. True if unknown.
pub(crate) fn is_dumpable() -> bool {
    dumpable_behavior() != Ok(DumpableBehavior::NotDumpable)
}

/// Aborts the process without a core dump, which could contain copies of weights or keys.
pub(crate) fn abort() -> ! {
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    process::abort()
}

/// Writes `text` to standard error and ends the process with `code`, using only system calls.
///
/// No lock is taken and no handler runs. A write that fails cannot be reported anywhere.
pub(crate) fn exit_with(text: &[u8], code: i32) -> ! {
    let _ = rustix::io::write(std::io::stderr(), text);
    // SAFETY: it ends the process at once and touches no memory.
    unsafe { libc::_exit(code) }
}

/// One byte: no dump fits into it. Zero would still let the kernel pipe a dump to a crash handler
/// (`core(5)`).
const NO_CORE: Rlimit = Rlimit { current: Some(1), maximum: Some(1) };

/// The limit for a process whose parent has set it, and which may not raise it to one.
const ZERO: Rlimit = Rlimit { current: Some(0), maximum: Some(0) };
