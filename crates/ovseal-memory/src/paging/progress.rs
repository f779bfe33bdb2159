//! How far the first filling has come.

use std::error::Error;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::failure::FillFailure;

/// Counts the chunks that were never filled, keeps the first failure, and lets others wait for either end.
#[derive(Debug)]
pub(super) struct Progress<E: Error + 'static> {
    inner: Mutex<Inner<E>>,
    ended: Condvar,
}

#[derive(Debug)]
struct Inner<E: Error + 'static> {
    unfilled: usize,
    failure: Option<Arc<FillFailure<E>>>,
}

impl<E: Error + 'static> Progress<E> {
    pub(super) fn new(chunks: usize) -> Self {
        Self { inner: Mutex::new(Inner { unfilled: chunks, failure: None }), ended: Condvar::new() }
    }

    /// Counts a chunk that was filled. Once all were, it does nothing: then chunks are filled again.
    pub(super) fn count_one(&self) {
        let mut inner = self.lock();
        inner.unfilled = inner.unfilled.saturating_sub(1);
        if inner.unfilled == 0 {
            self.ended.notify_all();
        }
    }

    /// Keeps a failure, and says whether it is the first.
    pub(super) fn fail(&self, failure: FillFailure<E>) -> bool {
        let mut inner = self.lock();
        let is_first = inner.failure.is_none();
        inner.failure.get_or_insert_with(|| Arc::new(failure));
        self.ended.notify_all();
        is_first
    }

    /// Says whether every chunk was filled once.
    pub(super) fn is_complete(&self) -> bool {
        self.lock().unfilled == 0
    }

    /// The first failure, if there was one until now.
    pub(super) fn failure(&self) -> Option<Arc<FillFailure<E>>> {
        self.lock().failure.clone()
    }

    /// Waits until every chunk was filled once, or for the first failure.
    pub(super) fn wait(&self) -> Result<(), Arc<FillFailure<E>>> {
        let is_open = |inner: &mut Inner<E>| inner.unfilled > 0 && inner.failure.is_none();
        let inner = self.ended.wait_while(self.lock(), is_open).unwrap_or_else(PoisonError::into_inner);
        inner.failure.clone().map_or(Ok(()), Err)
    }

    fn lock(&self) -> MutexGuard<'_, Inner<E>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
