//! The file that makes rekeying survive a crash (`docs/format.md` §8).

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ovseal_files::next_to;
use ovseal_format::crypto::data_key::{FittingKey, Label};
use ovseal_format::layout::{all_zero, read_be16};
use ovseal_format::prologue::Prologue;
use ovseal_format::stanza_region::StanzaRegion;
use ovseal_format::suite::sha256;
use rustix::fs::{AtFlags, StatxFlags};

const MAGIC: [u8; 8] = *b"\x89OVREKY\n";
/// The version without its own MAC, which is still read but no longer written.
const UNBOUND: u16 = 1;
const VERSION: u16 = 2;
const HEAD: usize = 48;
const CHECKSUM: usize = 32;
const MAC: usize = 32;
/// Bytes between region and checksum in version 2.
const BOND: usize = MAC + INODE + MAC;
const INODE: usize = 24;

/// A complete rekeying file: a whole pending stanza region next to its container.
pub(crate) struct RekeyFile {
    pub(crate) region: StanzaRegion,
    /// The region, byte for byte.
    pub(crate) region_bytes: Vec<u8>,
    bond: Option<Bond>,
}

/// The link from a file of version 2 to the container's file and the region that it replaces.
struct Bond {
    replaced: [u8; MAC],
    inode: Inode,
    covered: Vec<u8>,
    mac: [u8; MAC],
}

/// Inode number and birth time of a container's file, as encoded in a rekeying file.
///
/// A copy of the container has different ones, and so has a file that replaced it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inode([u8; INODE]);

/// Returns the path of the rekeying file of the container at `path`.
pub(crate) fn path(path: &Path) -> PathBuf {
    next_to(path, ".rekey")
}

/// Reads the rekeying file of the container at `path`, if it is complete.
pub(crate) fn read(path: &Path, prologue: &Prologue) -> Option<RekeyFile> {
    let longest = HEAD + prologue.region_length as usize + BOND + CHECKSUM;
    let bytes = ovseal_files::read(&self::path(path), longest as u64).ok()?;
    parse(&bytes, prologue)
}

/// Parses a complete file for the container with this prologue.
pub(crate) fn parse(bytes: &[u8], prologue: &Prologue) -> Option<RekeyFile> {
    let (covered, checksum) = bytes.split_last_chunk::<CHECKSUM>()?;
    let (head, rest) = covered.split_at_checked(HEAD)?;
    let (region, tail) = rest.split_at_checked(prologue.region_length as usize)?;
    let bond = match read_be16(head, 8) {
        UNBOUND if tail.is_empty() => None,
        VERSION => Some(Bond::parse(covered, tail)?),
        _ => return None,
    };
    let good = head.starts_with(&MAGIC)
        && all_zero(&head[10..16])
        && head[16..] == *prologue.container_id.as_bytes()
        && (sha256(&[covered]) == *checksum || ovseal_format::WITHOUT_AUTHENTICATION);
    let parsed = if good { StanzaRegion::parse_padded(region)? } else { return None };
    Some(RekeyFile { region: parsed, region_bytes: region.to_vec(), bond })
}

/// Encodes a file of version 2 for the container's file `inode`.
///
/// `region` replaces the region with the MAC `replaced`.
pub(crate) fn encode(
    key: &FittingKey,
    prologue: &Prologue,
    region: &[u8],
    replaced: &[u8; MAC],
    inode: &Inode,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + region.len() + BOND + CHECKSUM);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&[0; 6]);
    bytes.extend_from_slice(prologue.container_id.as_bytes());
    bytes.extend_from_slice(region);
    bytes.extend_from_slice(replaced);
    bytes.extend_from_slice(&inode.0);
    let mac = key.mac(Label::RekeyMac, &[&bytes]);
    bytes.extend_from_slice(&mac);
    let checksum = sha256(&[&bytes]);
    bytes.extend_from_slice(&checksum);
    bytes
}

impl RekeyFile {
    /// Returns true if a holder of the key wrote this file for the container's file `inode`.
    pub(crate) fn is_of(&self, key: &FittingKey, inode: &Inode) -> bool {
        self.bond.as_ref().is_some_and(|bond| {
            bond.inode == *inode && key.mac_is(Label::RekeyMac, &[&bond.covered], &bond.mac)
        })
    }

    /// Returns true if this file identifies `region` as the one that it replaces.
    pub(crate) fn replaces(&self, region: &StanzaRegion) -> bool {
        self.bond.as_ref().is_some_and(|bond| bond.replaced == *region.mac())
    }
}

impl Bond {
    fn parse(covered: &[u8], tail: &[u8]) -> Option<Self> {
        let tail: &[u8; BOND] = tail.try_into().ok()?;
        let (replaced, rest) = tail.split_first_chunk()?;
        let (inode, mac) = rest.split_first_chunk()?;
        let covered = covered.strip_suffix(mac)?.to_vec();
        // The last four bytes are reserved.
        all_zero(&inode[INODE - 4..]).then_some(Self {
            replaced: *replaced,
            inode: Inode(*inode),
            covered,
            mac: mac.try_into().ok()?,
        })
    }
}

impl Inode {
    /// Reads the inode number and birth time of `file`.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let number = file.metadata()?.ino();
        let (seconds, nanoseconds) = birth_time(file).unwrap_or_default();
        Ok(Self::new(number, seconds, nanoseconds))
    }

    pub(crate) fn new(number: u64, seconds: i64, nanoseconds: u32) -> Self {
        let mut bytes = [0; INODE];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        bytes[8..16].copy_from_slice(&seconds.to_be_bytes());
        bytes[16..20].copy_from_slice(&nanoseconds.to_be_bytes());
        Self(bytes)
    }
}

/// Reads the birth time, if the system and the file system report one.
fn birth_time(file: &File) -> Option<(i64, u32)> {
    let flags = StatxFlags::BTIME;
    let found = rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, flags).ok()?;
    let reported = StatxFlags::from_bits_retain(found.stx_mask).contains(flags);
    reported.then_some((found.stx_btime.tv_sec, found.stx_btime.tv_nsec))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ovseal_format::crypto::data_key::DataKey;
    use ovseal_format::layout::ChunkSize;
    use ovseal_format::prologue::ContainerId;
    use ovseal_format::stanza::Stanza;
    use ovseal_format::suite::Suite;

    const INODE_1: Inode = Inode([1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 0, 0, 0, 0]);

    fn made() -> (FittingKey, Prologue, StanzaRegion, Vec<u8>) {
        let key = DataKey::from_fn(|bytes| bytes.fill(4));
        let mut prologue = Prologue {
            suite: Suite::Blake3,
            chunk_size: ChunkSize::SMALL,
            region_length: 4096,
            container_id: ContainerId::from_bytes([1; 32]),
            commitment: [0; 32],
        };
        prologue.commitment = key.commitment(&prologue.binding());
        let key = key.fit(&prologue).unwrap();
        let stanzas = vec![Stanza::new("keyfile", vec![1; 32], |_| vec![2; 80]).unwrap()];
        let region = StanzaRegion::new(&key, Label::StanzaMac, &[], 5, stanzas);
        let region_bytes = region.encode_padded(4096).unwrap();
        let bytes = encode(&key, &prologue, &region_bytes, region.mac(), &INODE_1);
        (key, prologue, region, bytes)
    }

    #[test]
    fn a_file_belongs_to_one_inode_and_one_region() {
        let (key, prologue, region, bytes) = made();
        assert_eq!(bytes.len(), 168 + 4096);
        let file = parse(&bytes, &prologue).unwrap();
        assert_eq!(file.region, region);
        assert!(file.is_of(&key, &INODE_1) && file.replaces(&region));
        for position in 0..20 {
            let mut other = INODE_1;
            other.0[position] ^= 1;
            assert!(!file.is_of(&key, &other), "byte {position}");
        }
        let other = StanzaRegion::new(&key, Label::StanzaMac, &[], 6, region.stanzas);
        assert!(!file.replaces(&other));
    }

    #[test]
    fn any_changed_byte_is_detected_even_with_a_correct_checksum() {
        let (key, prologue, region, good) = made();
        for position in 0..good.len() - CHECKSUM {
            let mut bytes = good.clone();
            bytes[position] ^= 0x80;
            assert!(parse(&bytes, &prologue).is_none(), "byte {position}");
            let checksum = sha256(&[&bytes[..good.len() - CHECKSUM]]);
            bytes[good.len() - CHECKSUM..].copy_from_slice(&checksum);
            let is_accepted = |file: RekeyFile| file.is_of(&key, &INODE_1) && file.replaces(&region);
            assert!(!parse(&bytes, &prologue).is_some_and(is_accepted), "byte {position}");
        }
    }

    #[test]
    fn a_file_with_the_length_of_another_version_is_incomplete() {
        let (_, prologue, _, good) = made();
        for (version, length) in [(1, 168), (2, 80), (3, 168), (0, 80)] {
            let mut bytes = good[..length - CHECKSUM + 4096].to_vec();
            bytes[9] = version;
            let checksum = sha256(&[&bytes]);
            bytes.extend_from_slice(&checksum);
            assert!(parse(&bytes, &prologue).is_none(), "version {version}, length {length}");
        }
    }
}
