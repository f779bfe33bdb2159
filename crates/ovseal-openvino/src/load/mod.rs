//! Loads models of opened containers into the runtime.

mod compilation;
mod compiled;
mod decrypted;
mod error;
mod onnx;
mod opening;
mod pending;
pub(crate) mod residency;
pub(crate) mod shape_constants;

use ovseal::{OpenError, Opened, Part, PartKind, UnverifiedMapping};

pub use compilation::Compilation;
pub use compiled::find_compiled;
pub use decrypted::Decrypted;
pub use error::SealedModelError;
pub use opening::Opening;
pub use pending::PendingModel;

/// Returns the part at `path`, or the only part that is a network.
pub(crate) fn find(opened: &Opened, path: Option<&str>) -> Result<Part, SealedModelError> {
    if let Some(path) = path {
        let part = opened.part(path)?;
        return match part.entry().kind {
            kind if kind.is_model() => Ok(part),
            PartKind::Compiled => Err(SealedModelError::Compiled { path: path.to_owned() }),
            _ => Err(SealedModelError::NotAModel { path: path.to_owned() }),
        };
    }
    match only(opened, PartKind::is_model)? {
        Some(part) => Ok(part),
        None => Err(match paths(opened, is_compiled).next() {
            Some(path) => SealedModelError::Compiled { path },
            None => SealedModelError::NoModel,
        }),
    }
}

/// Returns the only part of a kind, if there is one.
fn only(opened: &Opened, is_wanted: fn(PartKind) -> bool) -> Result<Option<Part>, SealedModelError> {
    let mut paths: Vec<String> = paths(opened, is_wanted).collect();
    if paths.len() > 1 {
        return Err(SealedModelError::SeveralModels { paths });
    }
    Ok(paths.pop().map(|path| opened.part(&path)).transpose()?)
}

fn paths(opened: &Opened, is_wanted: fn(PartKind) -> bool) -> impl Iterator<Item = String> {
    let parts = opened.manifest().parts.iter().filter(move |part| is_wanted(part.kind));
    parts.map(|part| part.path.to_string())
}

fn is_compiled(kind: PartKind) -> bool {
    kind == PartKind::Compiled
}

/// Rejects a topology whose content is of a different kind than its part, because the runtime
/// recognizes formats by their content.
fn check_kind(part: &Part, topology: &[u8]) -> Result<(), SealedModelError> {
    let entry = part.entry();
    if entry.kind.fits(topology) {
        Ok(())
    } else {
        Err(SealedModelError::NotAModel { path: entry.path.to_string() })
    }
}

/// Decrypts weights, or starts decrypting them if `is_overlapped`.
fn start(weights: &Part, is_overlapped: bool) -> Result<UnverifiedMapping, OpenError> {
    if is_overlapped { weights.start_mapping(AHEAD) } else { Ok(weights.read_mapping()?.into()) }
}

/// The number of threads that decrypt ahead of the runtime, which has its own threads.
const AHEAD: usize = 1;
