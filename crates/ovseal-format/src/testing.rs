//! A prologue and its data key for tests.

use crate::crypto::data_key::{DataKey, FittingKey};
use crate::layout::ChunkSize;
use crate::prologue::{ContainerId, Prologue};
use crate::suite::Suite;

/// Returns a data key whose bytes are all `byte`.
pub(crate) fn data_key(byte: u8) -> DataKey {
    DataKey::from_fn(|bytes| bytes.fill(byte))
}

/// Returns a prologue that commits to `key`.
pub(crate) fn prologue(key: &DataKey) -> Prologue {
    let mut prologue = Prologue {
        suite: Suite::Blake3,
        chunk_size: ChunkSize::SMALL,
        region_length: 4096,
        container_id: ContainerId::from_bytes([1; 32]),
        commitment: [0; 32],
    };
    prologue.commitment = key.commitment(&prologue.binding());
    prologue
}

/// Returns a data key that fits its [`prologue`].
pub(crate) fn fitting_key() -> FittingKey {
    let key = data_key(4);
    let prologue = prologue(&key);
    key.fit(&prologue).unwrap()
}
