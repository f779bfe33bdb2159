//! Progress of the first filling or check of each chunk.

use std::error::Error;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::failure::FillFailure;
use crate::lock::lock;

/// Counts the chunks that are not known to be good, keeps the first failure, and signals completion
/// or failure.
#[derive(Debug)]
pub(super) struct FirstFilling<E: Error + 'static> {
    inner: Mutex<Inner<E>>,
    ended: Condvar,
}

#[derive(Debug)]
struct Inner<E: Error + 'static> {
    unfilled: usize,
    failure: Option<Arc<FillFailure<E>>>,
}

impl<E: Error + 'static> Inner<E> {
    /// A checked chunk that fails later is counted, so a failure may remain when none is left.
    fn is_complete(&self) -> bool {
        self.unfilled == 0 && self.failure.is_none()
    }
}

impl<E: Error + 'static> FirstFilling<E> {
    pub(super) fn new(chunks: usize) -> Self {
        Self { inner: Mutex::new(Inner { unfilled: chunks, failure: None }), ended: Condvar::new() }
    }

    /// Counts a chunk that was filled or checked for the first time.
    pub(super) fn count_one(&self) {
        let mut inner = lock(&self.inner);
        inner.unfilled = inner.unfilled.saturating_sub(1);
        if inner.unfilled == 0 {
            self.ended.notify_all();
        }
    }

    /// Keeps a failure, and returns whether it is the first.
    ///
    /// # Errors
    /// Returns the failure if every chunk was good before: those who waited were told so.
    pub(super) fn fail(&self, failure: FillFailure<E>) -> Result<bool, FillFailure<E>> {
        let mut inner = lock(&self.inner);
        if inner.is_complete() {
            return Err(failure);
        }
        let is_first = inner.failure.is_none();
        inner.failure.get_or_insert_with(|| Arc::new(failure));
        self.ended.notify_all();
        Ok(is_first)
    }

    /// Returns whether every chunk has been filled or checked.
    pub(super) fn is_complete(&self) -> bool {
        lock(&self.inner).is_complete()
    }

    /// Returns the first failure so far, if any.
    pub(super) fn failure(&self) -> Option<Arc<FillFailure<E>>> {
        lock(&self.inner).failure.clone()
    }

    /// Waits until every chunk has been filled or checked, or for the first failure.
    pub(super) fn wait(&self) -> Result<(), Arc<FillFailure<E>>> {
        let is_open = |inner: &mut Inner<E>| inner.unfilled > 0 && inner.failure.is_none();
        let inner = self.ended.wait_while(lock(&self.inner), is_open).unwrap_or_else(PoisonError::into_inner);
        inner.failure.clone().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paging::FillCause;

    fn failure() -> FillFailure<std::io::Error> {
        FillFailure { index: 0, cause: FillCause::Panicked }
    }

    #[test]
    fn a_counted_chunk_that_fails_leaves_the_filling_incomplete() {
        let filling = FirstFilling::new(2);
        filling.count_one();
        assert!(filling.fail(failure()).unwrap() && !filling.fail(failure()).unwrap());
        filling.count_one();
        assert!(!filling.is_complete() && filling.wait().is_err());
    }

    #[test]
    fn a_failure_after_the_last_chunk_is_late() {
        let filling = FirstFilling::new(1);
        filling.count_one();
        assert!(filling.fail(failure()).is_err());
        assert!(filling.is_complete() && filling.wait().is_ok() && filling.failure().is_none());
    }
}
