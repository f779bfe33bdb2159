//! One entry: an ordinary container with the exported model as its only part.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ovseal::ir::{IrError, Topology};
use ovseal::{
    CacheKey, ErrorKind, Model, ModelName, OpenError, OpenOptions, PartPath, SealError, SealOptions, Trust,
    UnverifiedMapping, is_container_file,
};

use super::blob;
use super::error::CacheError;
use crate::exported::ExportedModel;
use crate::shape_constants;

/// Whether an entry will never be used: not when only memory is short, or the disk does not answer.
pub(super) fn is_final(error: &OpenError) -> bool {
    error.kind() != ErrorKind::Environment
}

/// Opens the file of an entry, if there is one. No link is followed, and no pipe is waited for.
pub(super) fn open(path: &Path) -> Option<Arc<File>> {
    match ovseal_files::open_no_link(path) {
        Ok(file) => Some(Arc::new(file)),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::debug!(%error, "an entry of the cache was not read");
            }
            None
        }
    }
}

/// Decrypts an entry. Overlapped, this returns when all but the constants of the exported model was found authentic, and the
/// constants go on by themselves; otherwise, and where the export is laid out in an unknown way, when everything was.
///
/// Digests of chunks are not compared: they stop other recipients, and an entry has none.
pub(super) fn read(
    file: &Arc<File>,
    key: &CacheKey,
    is_overlapped: bool,
) -> Result<UnverifiedMapping, OpenError> {
    let opened = OpenOptions::new(Trust::AnySender).open_source(file.clone(), &[key])?;
    let part = opened.part(PART)?;
    let bytes = if is_overlapped { part.start_mapping(AHEAD)? } else { part.read_mapping()?.into() };
    with_structure(bytes)
}

/// Waits for all bytes that the plugin's parsers read, and those by which they decide, and checks what is known of them.
/// They stay in memory from then on, since nothing gives pages of an entry back.
fn with_structure(bytes: UnverifiedMapping) -> Result<UnverifiedMapping, OpenError> {
    let exported = bytes.hazmat_unverified();
    let Some(constants) = blob::constants(exported) else { return Ok(bytes.verify()?.into()) };
    if bytes.is_on_demand() {
        shape_constants::bring_in(&exported[..constants.start]);
        shape_constants::bring_in(&exported[constants.end..]);
        // Zeros in the place of what failed come only after this would tell it.
        bytes.check()?;
    }
    let topology = blob::topology(&exported[constants.end..])?;
    let Some(network) = topology.map(|topology| check(&topology, constants.len())).transpose()?.flatten()
    else {
        return Ok(bytes.verify()?.into());
    };
    if bytes.is_on_demand() {
        shape_constants::bring_in_all(&network, &exported[constants.clone()]);
        bytes.check()?;
    }
    shape_constants::check_strings(&network, &exported[constants]).map_err(refused)?;
    Ok(bytes)
}

/// Checks the topology of an exported model against its constants; `None` for one that is not understood.
fn check(topology: &[u8], constants: usize) -> Result<Option<Topology>, OpenError> {
    let checked = Topology::parse(topology).and_then(|network| {
        network.check_length(constants as u64)?;
        Ok(network)
    });
    match checked.map_err(refused) {
        Ok(network) => Ok(Some(network)),
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(None),
        Err(error) => Err(error),
    }
}

fn refused(source: IrError) -> OpenError {
    OpenError::Ir { part: PartPath::parse(PART).expect("the word is a path"), source }
}

/// Seals an exported model. It is read chunk by chunk, and zeroized when this returns.
pub(super) fn write(path: &Path, key: &CacheKey, exported: ExportedModel) -> Result<(), CacheError> {
    let part = PartPath::parse(PART).expect("the word is a path");
    let name = ModelName::parse(NAME).expect("the word is a name");
    let model = Model::in_memory(part, Arc::new(exported));
    clear(path);
    let options = SealOptions::new(name).recipient(key).private(true).replace(true);
    options.seal(&model, path).map(drop).map_err(|error: SealError| CacheError::Seal(error))
}

/// Removes what stands in the place of an entry and is no container, since only a container is replaced. The folder is the
/// cache's own. A directory stays, and is an error when the entry is written.
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

/// The most bytes that an entry takes for an exported model of `length` bytes.
pub(super) fn length(length: u64) -> u64 {
    length + length / LEAST_PAYLOAD_FOR_A_BYTE + FRAME
}

/// Marks an entry as used now. Where that cannot be done, it goes sooner than it should.
pub(super) fn touch(file: &File) {
    let now = std::fs::FileTimes::new().set_modified(std::time::SystemTime::now());
    if let Err(error) = file.set_times(now) {
        tracing::debug!(%error, "an entry of the cache could not be marked as used");
    }
}

/// Threads that decrypt ahead of the runtime, which has threads of its own.
const AHEAD: usize = 2;

pub(super) const PART: &str = "compiled";
const NAME: &str = "compiled model";

/// Tag and digest of a chunk take 48 bytes, and the smallest chunk that is chosen has 256 KiB.
const LEAST_PAYLOAD_FOR_A_BYTE: u64 = 4096;

/// More than prologue, stanzas, padding and what else follows the payload.
const FRAME: u64 = 96 << 10;
