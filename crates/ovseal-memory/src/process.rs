use rustix::process::{
    DumpableBehavior, Resource, Rlimit, dumpable_behavior, getrlimit, set_dumpable_behavior, setrlimit,
};

/// Says what [`harden_process`] could do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hardening {
    /// The kernel writes no core dump of this process and lets no other process of the same user read its memory.
    pub not_dumpable: bool,
    /// The limit for core dumps is zero and cannot be raised again, here or in child processes.
    pub no_core_files: bool,
}

/// Turns core dumps off and keeps debuggers of the same user out: `PR_SET_DUMPABLE` and `RLIMIT_CORE`.
///
/// Must be the first thing that `main` does: whoever is attached before stays attached. It ends with `exec`, so child
/// programs are dumpable again. It does not keep out root, and files under `/proc/self` belong to root from then on:
/// `/proc/self/mem` cannot be opened without privilege. `/proc/self/fd` works as before.
///
/// ```
/// let hardening = ovseal_memory::harden_process();
/// assert!(hardening.not_dumpable && hardening.no_core_files);
/// ```
pub fn harden_process() -> Hardening {
    // Whether it worked is read back: a sandbox may swallow either call.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, NO_CORE);
    Hardening { not_dumpable: !is_dumpable(), no_core_files: getrlimit(Resource::Core) == NO_CORE }
}

/// Says whether the process can be dumped or, by the same user, read. Not knowing counts as yes.
pub(crate) fn is_dumpable() -> bool {
    dumpable_behavior() != Ok(DumpableBehavior::NotDumpable)
}

const NO_CORE: Rlimit = Rlimit { current: Some(0), maximum: Some(0) };
