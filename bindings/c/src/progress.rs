//! Call-backs that follow the work.

use std::ffi::c_void;

/// Called from worker threads, several at once, with the number of bytes just done. `false` cancels a sealing; an opening goes on.
///
/// It must return: no exception and no `longjmp` may leave it.
pub type ovseal_progress = Option<unsafe extern "C" fn(context: *mut c_void, bytes: u64) -> bool>;

/// A call-back with its context.
#[derive(Clone, Copy)]
pub(crate) struct Progress {
    call: unsafe extern "C" fn(*mut c_void, u64) -> bool,
    context: *mut c_void,
}

// SAFETY: the header says that the call-back is called from other threads, several at once.
unsafe impl Send for Progress {}
// SAFETY: likewise.
unsafe impl Sync for Progress {}

impl Progress {
    pub(crate) fn new(call: ovseal_progress, context: *mut c_void) -> Option<Self> {
        call.map(|call| Self { call, context })
    }

    /// Tells the caller; says whether to go on.
    pub(crate) fn tell(self, bytes: u64) -> bool {
        // SAFETY: the caller gave both, and keeps the context as the header demands.
        unsafe { (self.call)(self.context, bytes) }
    }
}
