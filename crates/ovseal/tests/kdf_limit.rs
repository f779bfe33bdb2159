//! Limits on work done before anything has been authenticated: key derivation, and memory for the
//! tables.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use ovseal::{
    Argon2Cost, ChunkSize, Context, DataKey, ErrorKind, OpenError, OpenOptions, Passphrase, Recipient,
    RecipientClass, RekeyError, RekeyOptions, Section, Stanza, Trust, WrapError,
};
use ovseal_testkit::Fixture;
use support::{Grown, grow, peak_memory};

/// A `passphrase` stanza with a high cost, which no passphrase opens.
struct Expensive {
    memory_mib: u32,
    passes: u32,
}

impl Recipient for Expensive {
    fn wrap(&self, _: &DataKey, _: &Context) -> Result<Stanza, WrapError> {
        let cost = Argon2Cost::new(self.memory_mib << 10, self.passes, 1).unwrap();
        let parameters = [&[7; 32][..], &cost.encode()].concat();
        Ok(Stanza::new("passphrase", parameters, |_| vec![1; 80])?)
    }

    fn class(&self) -> RecipientClass {
        RecipientClass::SymmetricOrLocal
    }
}

fn passphrase() -> Passphrase {
    Passphrase::from_bytes(b"words").unwrap()
}

fn open(fixture: &Fixture, limit: Option<u32>) -> Result<ovseal::Opened, OpenError> {
    let options = OpenOptions::new(Trust::AnySender);
    let options = limit.map_or(options.clone(), |mib| options.kdf_limit(mib));
    options.open(&fixture.container(), &[&passphrase()])
}

#[test]
fn a_stanza_above_the_limit_is_skipped_and_its_cost_reported() {
    let expensive = Expensive { memory_mib: 1024, passes: 4 };
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    fixture.seal(fixture.options().recipient(&expensive));
    let before = peak_memory();
    let error = open(&fixture, None).unwrap_err();
    assert!(peak_memory() - before < 64 << 20);
    assert!(matches!(error, OpenError::KdfLimit { needed: 4096, limit: 1024 }), "{error}");
    assert_eq!(error.kind(), ErrorKind::NoKeyFits);
    // Another key still opens the container, even together with the passphrase.
    OpenOptions::new(Trust::AnySender).open(&fixture.container(), &[&passphrase(), &fixture.key]).unwrap();
    let options = RekeyOptions::new().remove_stanza(1);
    let error = options.rekey(&fixture.container(), &[&passphrase()]).unwrap_err();
    let RekeyError::Open(OpenError::KdfLimit { needed: 4096, .. }) = error else { panic!("{error}") };
}

#[test]
fn the_region_counts_before_the_side_file() {
    let ours = passphrase().with_cost(Argon2Cost::new(1 << 10, 2, 1).unwrap());
    let theirs = Expensive { memory_mib: 1, passes: 3 };
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    fixture.seal(fixture.options().recipient(&ours));
    let options = RekeyOptions::new().add_recipient(&theirs);
    options.write_side_file(&fixture.container(), &[&fixture.key]).unwrap();
    // 2 MiB in the region, 3 MiB in the side file, which is tried first if the limit allows it.
    open(&fixture, Some(4)).unwrap();
    open(&fixture, Some(5)).unwrap();
    let other = Passphrase::from_bytes(b"other").unwrap();
    let error = |mib| {
        let options = OpenOptions::new(Trust::AnySender).kdf_limit(mib);
        options.open(&fixture.container(), &[&other]).unwrap_err()
    };
    assert!(matches!(error(3), OpenError::KdfLimit { needed: 4, limit: 3 }));
    assert!(matches!(error(4), OpenError::KdfLimit { needed: 5, limit: 4 }));
    assert!(matches!(error(5), OpenError::NoKeyFits { .. }));
}

#[test]
fn tables_get_no_memory_before_their_mac_is_right() {
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    fixture.seal(fixture.options().chunk_size(ChunkSize::SMALL));
    // 2^22 chunks: 192 MiB of tags and digests, all of them holes in the file.
    let Grown { path, .. } = grow(&fixture, 1 << 40);
    let before = peak_memory();
    let error = OpenOptions::new(Trust::AnySender).open(&path, &[&fixture.key]).unwrap_err();
    assert!(matches!(error, OpenError::NotAuthentic(Section::Trailer)), "{error}");
    let grown = peak_memory() - before;
    assert!(grown < 32 << 20, "{grown} bytes");
}

#[test]
fn the_tables_are_in_memory_once() {
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    fixture.seal(fixture.options().chunk_size(ChunkSize::SMALL));
    let Grown { path, tables } = grow(&fixture, 1 << 39);
    let before = peak_memory();
    let error = OpenOptions::new(Trust::AnySender).verify(&path).unwrap_err();
    // The checksum is correct and the root is wrong, so the tables were read.
    assert!(matches!(error, OpenError::NotAuthentic(Section::Trailer)), "{error}");
    let grown = peak_memory() - before;
    assert!(tables == 96 << 20 && grown < tables + tables / 4, "{grown} bytes");
}
