//! The file that makes rekeying survive a crash (`docs/format.md` §8).

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::atomic::beside;
use crate::layout::{all_zero, read_be16};
use crate::prologue::Prologue;
use crate::region::{self, StanzaBlock};
use crate::suite::sha256;

const MAGIC: [u8; 8] = *b"\x89OVREKY\n";
const VERSION: u16 = 1;
const HEAD: usize = 48;
const CHECKSUM: usize = 32;

/// Where the file of the container at `path` stands.
pub(crate) fn path(path: &Path) -> PathBuf {
    beside(path, ".rekey")
}

/// The stanzas that an unfinished rekeying of this container left, if its file is complete.
pub(crate) fn read(container: &Path, prologue: &Prologue) -> Option<StanzaBlock> {
    let length = HEAD + prologue.region_length as usize + CHECKSUM;
    let mut bytes = Vec::with_capacity(length + 1);
    let file = File::open(path(container)).ok()?;
    file.take(length as u64 + 1).read_to_end(&mut bytes).ok()?;
    let (covered, checksum) = bytes.split_last_chunk::<CHECKSUM>()?;
    let good = bytes.len() == length
        && covered.starts_with(&MAGIC)
        && read_be16(covered, 8) == VERSION
        && all_zero(&covered[10..16])
        && covered[16..HEAD] == *prologue.container_id.as_bytes()
        && sha256(&[covered]) == *checksum;
    if good { region::parse_region(&covered[HEAD..]) } else { None }
}

/// Writes the file's content for a new region.
pub(crate) fn write(mut file: &File, prologue: &Prologue, region: &[u8]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(HEAD + region.len() + CHECKSUM);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&[0; 6]);
    bytes.extend_from_slice(prologue.container_id.as_bytes());
    bytes.extend_from_slice(region);
    let checksum = sha256(&[&bytes]);
    bytes.extend_from_slice(&checksum);
    file.write_all(&bytes)
}
