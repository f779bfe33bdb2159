//! Side files: stanzas for one device, next to a container that cannot be modified
//! (`docs/format.md` §8).

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use ovseal_files::{AtomicFile, next_to};
use ovseal_format::crypto::data_key::{FittingKey, Label};
use ovseal_format::layout::{all_zero, read_be16};
use ovseal_format::prologue::Prologue;
use ovseal_format::stanza::Stanza;
use ovseal_format::stanza_region::StanzaRegion;

use crate::container::Container;
use crate::error::OpenError;

const MAGIC: [u8; 8] = *b"\x89OVKEYS\n";
const VERSION: u16 = 1;
const HEAD: usize = 48;
const LENGTH_LIMIT: u64 = 1 << 20;

/// A side file whose MAC has not been checked.
#[derive(Clone, Debug)]
pub(crate) struct SideFile {
    path: PathBuf,
    head: [u8; HEAD],
    pub(crate) region: StanzaRegion,
}

/// Returns the path of the side file of `container`.
fn path(container: &Path) -> PathBuf {
    next_to(container, ".keys")
}

impl SideFile {
    /// Reads the side file of `container`, if there is one.
    pub(crate) fn read(container: &Container) -> Result<Option<Self>, OpenError> {
        let Some(path) = container.path.as_deref().map(path) else { return Ok(None) };
        let read = |source| OpenError::Read { what: path.display().to_string(), source };
        let bytes = match ovseal_files::read(&path, LENGTH_LIMIT) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(read(error)),
        };
        match parse(&bytes, &container.prologue).filter(|_| bytes.len() as u64 <= LENGTH_LIMIT) {
            Some((head, region)) => Ok(Some(Self { path, head, region })),
            None => Err(OpenError::SideFile { path }),
        }
    }

    /// Checks the MAC with the container's key.
    pub(crate) fn authenticate(&self, key: &FittingKey) -> Result<(), OpenError> {
        let authentic = self.region.is_authentic(key, Label::SidefileMac, &self.head);
        if authentic { Ok(()) } else { Err(OpenError::SideFile { path: self.path.clone() }) }
    }
}

/// Writes a side file with these stanzas, replacing any earlier one.
pub(crate) fn write(
    container: &Container,
    key: &FittingKey,
    generation: u64,
    stanzas: Vec<Stanza>,
) -> std::io::Result<()> {
    let head = head(&container.prologue);
    let region = StanzaRegion::new(key, Label::SidefileMac, &head, generation, stanzas);
    let path = container.path.as_deref().map(path).ok_or(ErrorKind::InvalidInput)?;
    let file = AtomicFile::create(&path)?;
    let mut writer = file.file();
    writer.write_all(&head)?;
    writer.write_all(&region.encode(&head))?;
    file.commit(true)
}

fn head(prologue: &Prologue) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..8].copy_from_slice(&MAGIC);
    head[8..10].copy_from_slice(&VERSION.to_be_bytes());
    head[16..].copy_from_slice(prologue.container_id.as_bytes());
    head
}

/// Parses the side file of the container with this prologue into head and stanzas.
pub(crate) fn parse(bytes: &[u8], prologue: &Prologue) -> Option<([u8; HEAD], StanzaRegion)> {
    let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
    let good = head.starts_with(&MAGIC) && read_be16(head, 8) == VERSION && all_zero(&head[10..16]);
    let ours = head[16..] == *prologue.container_id.as_bytes();
    let (region, rest) = StanzaRegion::parse(head, rest).filter(|_| good && ours)?;
    rest.is_empty().then_some((*head, region))
}
