//! Callbacks that report progress.

use std::ffi::c_void;

/// Called from worker threads, several at once, with the number of bytes processed since the last
/// call.
///
/// Returning `false` cancels sealing; when opening, the result is ignored. It must return normally:
/// no exception and no `longjmp` may leave it.
pub type ovseal_progress = Option<unsafe extern "C" fn(context: *mut c_void, bytes: u64) -> bool>;

/// A callback and its context.
#[derive(Clone, Copy)]
pub(crate) struct Progress {
    call: unsafe extern "C" fn(*mut c_void, u64) -> bool,
    context: *mut c_void,
}

// SAFETY: the header says that the callback is called from several threads at once.
unsafe impl Send for Progress {}
// SAFETY: as above.
unsafe impl Sync for Progress {}

impl Progress {
    pub(crate) fn new(call: ovseal_progress, context: *mut c_void) -> Option<Self> {
        call.map(|call| Self { call, context })
    }

    /// Reports bytes to the caller. Returns whether to go on.
    pub(crate) fn report(self, bytes: u64) -> bool {
        // SAFETY: the caller passed both, and keeps the context valid as the header requires.
        unsafe { (self.call)(self.context, bytes) }
    }
}
