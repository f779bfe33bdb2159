//! The requirements of `--strict`.

use ovseal_memory::{ModelMemory, Swap, protections};

use super::RunArgs;
use crate::errors::CommandError;
use crate::keys::strict::{self, refused};

/// Rejects an unknown sender, and a host that lacks a protection of keys or plaintext.
pub(super) fn check_host(args: &RunArgs) -> Result<(), CommandError> {
    if args.strict { strict::check_host(&args.trust.sender) } else { Ok(()) }
}

/// Fails if `length` bytes cannot be locked, before any of them is decrypted.
///
/// Only a trial is reliable: this maps, locks and frees that much memory. The kernel fills all
/// of it with zeros, so the test takes as long as touching the whole model. The test runs only with
/// `--strict` on a host with swap.
pub(super) fn check_lockable(args: &RunArgs, length: u64) -> Result<(), CommandError> {
    if !forbids_swap(args) {
        return Ok(());
    }
    let memory = usize::try_from(length).ok().and_then(|length| ModelMemory::zeroed(length).ok());
    check_locked(args, memory.is_some_and(|memory| memory.is_locked()))
}

/// Rejects plaintext that could be swapped to disk.
pub(super) fn check_locked(args: &RunArgs, is_locked: bool) -> Result<(), CommandError> {
    if is_locked || !forbids_swap(args) {
        return Ok(());
    }
    Err(refused("the weights could be swapped to disk: they exceed the limit of locked memory"))
}

/// Rejects a copy of the model in memory that is never locked.
pub(super) fn check_export(args: &RunArgs) -> Result<(), CommandError> {
    if forbids_swap(args) {
        return Err(refused("the export for the cache could be swapped to disk"));
    }
    Ok(())
}

/// Returns whether plaintext must be in locked memory: with `--strict`, on a host with swap.
fn forbids_swap(args: &RunArgs) -> bool {
    args.strict && protections().swap != Swap::Absent
}
