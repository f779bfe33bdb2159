//! Owners of the bytes that the runtime reads in place.

use std::any::Any;
use std::sync::Arc;

/// An owner of bytes that the runtime reads in place: weights, or an exported model.
///
/// Implemented for every type that lends bytes and can be shared between threads, such as a
/// `Vec<u8>` or locked memory that is zeroized on drop.
pub trait Weights: AsRef<[u8]> + Send + Sync + 'static {}

impl<T: AsRef<[u8]> + Send + Sync + 'static> Weights for T {}

/// A reference to an owner of any type.
///
/// Each object of the runtime that may read the bytes holds a clone. As long as one exists, the
/// owner cannot be dropped or borrowed mutably, so a slice that it lent stays valid.
pub(crate) type KeepAlive = Option<Arc<dyn Any + Send + Sync>>;

/// Erases the owner's type.
pub(crate) fn keep<W: Weights>(owner: &Arc<W>) -> KeepAlive {
    let owner: Arc<dyn Any + Send + Sync> = owner.clone();
    Some(owner)
}
