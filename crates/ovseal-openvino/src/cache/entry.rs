//! A cache entry: an ordinary container whose only part is the exported model.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ovseal::ir::{IrError, Topology};
use ovseal::{
    CacheKey, ErrorKind, Model, ModelName, OpenError, OpenOptions, PartPath, SealError, SealOptions, Trust,
    UnverifiedMapping, is_container_file,
};

use super::cpu_export;
use super::error::CacheError;
use crate::load::{residency, shape_constants};
use crate::runtime::ExportedModel;

/// Returns whether an entry can never be used. A lack of memory or a failing disk may be temporary.
pub(super) fn is_final(error: &OpenError) -> bool {
    error.kind() != ErrorKind::Environment
}

/// Opens the file of an entry, if there is one. Does not follow a link or wait for a pipe.
pub(super) fn open(path: &Path) -> Option<Arc<File>> {
    match ovseal_files::open_no_link(path) {
        Ok(file) => Some(Arc::new(file)),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::debug!(%error, "a cache entry was not read");
            }
            None
        }
    }
}

/// Decrypts an entry.
///
/// If `is_overlapped`, this returns after everything but the constants has been verified, and
/// threads go on with the constants. Otherwise, and for an export of unknown layout, this returns
/// after the whole entry has been verified.
///
/// Digests of chunks are not compared: they protect against other recipients, and an entry has
/// none.
pub(super) fn read(
    file: &Arc<File>,
    key: &CacheKey,
    is_overlapped: bool,
    memory_budget: Option<u64>,
) -> Result<UnverifiedMapping, OpenError> {
    let mut options = OpenOptions::new(Trust::AnySender);
    if let Some(bytes) = memory_budget {
        options = options.memory_budget(bytes);
    }
    let opened = options.open_source(file.clone(), &[key])?;
    let part = opened.part(PART)?;
    let bytes = if is_overlapped { part.start_mapping(AHEAD)? } else { part.read_mapping()?.into() };
    with_structure(bytes)
}

/// Waits for the bytes that the plugin's parsers read and for the shape constants, and checks them.
///
/// These bytes stay in memory. The other constants can leave it when room is short.
fn with_structure(bytes: UnverifiedMapping) -> Result<UnverifiedMapping, OpenError> {
    let exported = bytes.hazmat_unverified();
    let Some(constants) = cpu_export::constants(exported) else { return Ok(bytes.verify()?.into()) };
    if bytes.is_on_demand() {
        shape_constants::bring_in(&exported[..constants.start]);
        shape_constants::bring_in(&exported[constants.end..]);
        // A failed chunk reads as zeros only after this call reports the failure.
        bytes.check()?;
    }
    let topology = cpu_export::topology(&exported[constants.end..])?;
    let Some(network) = topology.map(|topology| check(&topology, constants.len())).transpose()?.flatten()
    else {
        return Ok(bytes.verify()?.into());
    };
    if bytes.is_on_demand() {
        let mut layout = residency::of_constants(&network, constants.start);
        layout.kept.extend([0..constants.start, constants.end..exported.len()]);
        bytes.bound(layout, 1)?;
        shape_constants::bring_in_all(&network, &exported[constants.clone()]);
        bytes.check()?;
    }
    shape_constants::check_strings(&network, &exported[constants]).map_err(rejected)?;
    Ok(bytes)
}

/// Checks the topology of an exported model against its constants. Returns `None` if the
/// topology uses something that this crate does not support.
fn check(topology: &[u8], constants: usize) -> Result<Option<Topology>, OpenError> {
    let checked = Topology::parse(topology).and_then(|network| {
        network.check_length(constants as u64)?;
        Ok(network)
    });
    match checked.map_err(rejected) {
        Ok(network) => Ok(Some(network)),
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(None),
        Err(error) => Err(error),
    }
}

fn rejected(source: IrError) -> OpenError {
    OpenError::Ir { part: PartPath::parse(PART).expect("the word is a path"), source }
}

/// Seals an exported model, chunk by chunk. The model is zeroized when this returns.
pub(super) fn write(path: &Path, key: &CacheKey, exported: ExportedModel) -> Result<(), CacheError> {
    let part = PartPath::parse(PART).expect("the word is a path");
    let name = ModelName::parse(NAME).expect("the word is a name");
    let model = Model::in_memory(part, Arc::new(exported));
    clear(path);
    let options = SealOptions::new(name).recipient(key).private(true).replace(true);
    options.seal(&model, path).map(drop).map_err(|error: SealError| CacheError::Seal(error))
}

/// Removes a file at the path of an entry if it is not a container, because sealing replaces only
/// containers. A directory stays, and writing the entry then fails.
fn clear(path: &Path) {
    let is_other = match ovseal_files::irregular(path) {
        Ok(Some(_)) => true,
        Ok(None) => matches!(is_container_file(path), Ok(false)),
        Err(_) => false,
    };
    if is_other {
        super::folder::remove(path);
    }
}

/// Returns the maximum size of an entry for an exported model of `length` bytes.
pub(super) fn length(length: u64) -> u64 {
    length + length / LEAST_PAYLOAD_FOR_A_BYTE + FRAME
}

/// Marks an entry as used now. If that fails, the entry will be removed sooner than it should be.
pub(super) fn touch(file: &File) {
    let now = std::fs::FileTimes::new().set_modified(std::time::SystemTime::now());
    if let Err(error) = file.set_times(now) {
        tracing::debug!(%error, "a cache entry could not be marked as used");
    }
}

/// The number of threads that decrypt ahead of the runtime, which has its own threads.
const AHEAD: usize = 2;

pub(super) const PART: &str = "compiled";
const NAME: &str = "compiled model";

/// A chunk has a tag and a digest of 48 bytes together, and at least 256 KiB of payload.
const LEAST_PAYLOAD_FOR_A_BYTE: u64 = 4096;

/// An upper bound for the prologue, stanzas, padding and trailer, in bytes.
const FRAME: u64 = 96 << 10;
