//! Who owns the bytes that the runtime reads in place.

use std::any::Any;
use std::sync::Arc;

/// Owns bytes that the runtime reads in place: weights, or an exported model.
///
/// Implemented for everything that lends bytes and may be shared between threads, such as a `Vec<u8>` or locked
/// memory that zeroizes itself when dropped. Bytes of an empty slice are never read.
pub trait Weights: AsRef<[u8]> + Send + Sync + 'static {}

impl<T: AsRef<[u8]> + Send + Sync + 'static> Weights for T {}

/// Keeps an owner alive without knowing its type.
///
/// A clone lives in each object of the runtime that may read the bytes. While one does, nobody can borrow the owner
/// mutably or drop it, so a slice that was lent once stays valid.
pub(crate) type KeepAlive = Option<Arc<dyn Any + Send + Sync>>;

/// Forgets the owner's type.
pub(crate) fn keep<W: Weights>(owner: &Arc<W>) -> KeepAlive {
    let owner: Arc<dyn Any + Send + Sync> = owner.clone();
    Some(owner)
}
