//! Reports progress to the caller.

use std::fmt;
use std::sync::Arc;

/// The callback that counts bytes, if there is one.
#[derive(Clone, Default)]
pub(crate) struct ByteCallback(Option<Arc<dyn Fn(u64) + Send + Sync>>);

impl ByteCallback {
    pub(crate) fn new(callback: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(callback)))
    }

    /// Reports that `length` more bytes are done.
    pub(crate) fn advance(&self, length: usize) {
        if let Some(callback) = &self.0 {
            callback(length as u64);
        }
    }
}

impl fmt::Debug for ByteCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "ByteCallback(..)" } else { "ByteCallback" })
    }
}
