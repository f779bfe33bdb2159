//! The file that makes rekeying survive a crash (`docs/format.md` §8).

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::atomic::beside;
use crate::layout::{all_zero, read_be16};
use crate::prologue::Prologue;
use crate::region::{self, StanzaBlock};
use crate::regular;
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
    let bytes = regular::read(&path(container), length(prologue) as u64).ok()?;
    parse(&bytes, prologue)
}

/// The stanzas in a complete file for the container with this prologue.
pub(crate) fn parse(bytes: &[u8], prologue: &Prologue) -> Option<StanzaBlock> {
    let (covered, checksum) = bytes.split_last_chunk::<CHECKSUM>()?;
    let good = bytes.len() == length(prologue)
        && covered.starts_with(&MAGIC)
        && read_be16(covered, 8) == VERSION
        && all_zero(&covered[10..16])
        && covered[16..HEAD] == *prologue.container_id.as_bytes()
        && (sha256(&[covered]) == *checksum || crate::WITHOUT_AUTHENTICATION);
    if good { region::parse_region(&covered[HEAD..]) } else { None }
}

/// Bytes in a complete file.
fn length(prologue: &Prologue) -> usize {
    HEAD + prologue.region_length as usize + CHECKSUM
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
