//! Rekeying: the keys that open a container afterwards, and the requests that are rejected.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use ovseal::{
    ErrorKind, Inspection, KeyFile, OpenError, OpenOptions, PublicKeyIdentity, RekeyError, RekeyOptions,
    Trust,
};
use ovseal_testkit::{Fixture, pattern};
use support::grow;

fn sealed() -> Fixture {
    let fixture = Fixture::new(&[("w.bin", &pattern(100_000))]);
    fixture.seal(fixture.options());
    fixture
}

fn opens(fixture: &Fixture, key: &KeyFile) -> bool {
    match OpenOptions::new(Trust::AnySender).open(&fixture.container(), &[key]) {
        Ok(opened) => *opened.part("w.bin").unwrap().read().unwrap() == pattern(100_000)[..],
        Err(OpenError::NoKeyFits { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn an_added_key_opens_and_a_removed_one_does_not() {
    let fixture = sealed();
    let new = KeyFile::generate().unwrap();
    let rekeyed =
        RekeyOptions::new().add_recipient(&new).rekey(&fixture.container(), &[&fixture.key]).unwrap();
    assert_eq!((rekeyed.generation, rekeyed.stanzas), (2, 2));
    assert!(opens(&fixture, &fixture.key) && opens(&fixture, &new));
    RekeyOptions::new().remove_stanza(0).rekey(&fixture.container(), &[&new]).unwrap();
    assert!(!opens(&fixture, &fixture.key) && opens(&fixture, &new));
    assert_eq!(Inspection::of(&fixture.container()).unwrap().generation, 3);
    assert!(!fixture.folder().join("model.ovseal.rekey").exists());
}

#[test]
fn invalid_requests_change_nothing() {
    let fixture = sealed();
    let before = std::fs::read(fixture.container()).unwrap();
    let stranger = KeyFile::generate().unwrap();
    let keys: &[&dyn ovseal::Identity] = &[&fixture.key];
    let rekey = |options: RekeyOptions<'_>| options.rekey(&fixture.container(), keys).unwrap_err();
    assert!(matches!(rekey(RekeyOptions::new()), RekeyError::Nothing));
    assert!(matches!(rekey(RekeyOptions::new().remove_stanza(0)), RekeyError::LastStanza));
    assert!(matches!(rekey(RekeyOptions::new().remove_stanza(1)), RekeyError::NoSuchStanza(1)));
    let error = RekeyOptions::new().remove_stanza(0).rekey(&fixture.container(), &[&stranger]).unwrap_err();
    assert!(matches!(error, RekeyError::Open(OpenError::NoKeyFits { .. })));
    let quantum = PublicKeyIdentity::generate().unwrap().recipient();
    let x25519 = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    let classical = PublicKeyIdentity::parse(x25519).unwrap().recipient();
    let mixed = RekeyOptions::new().add_recipient(&quantum).add_recipient(&classical);
    assert!(matches!(rekey(mixed), RekeyError::MixedRecipients));
    let many: Vec<KeyFile> = (0..32).map(|_| KeyFile::generate().unwrap()).collect();
    let many = many.iter().fold(RekeyOptions::new(), |options, key| options.add_recipient(key));
    assert!(matches!(rekey(many), RekeyError::TooManyStanzas));
    assert_eq!(std::fs::read(fixture.container()).unwrap(), before);
}

#[test]
fn pipes_next_to_a_container_do_not_block() {
    let fixture = sealed();
    let pipe = |suffix: &str| {
        let path = fixture.folder().join(format!("model.ovseal.{suffix}"));
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    };
    let rekey = pipe("rekey");
    assert!(opens(&fixture, &fixture.key));
    std::fs::remove_file(rekey).unwrap();
    pipe("keys");
    let error = OpenOptions::new(Trust::AnySender).open(&fixture.container(), &[&fixture.key]).unwrap_err();
    assert!(matches!(error, OpenError::Read { .. }), "{error}");
}

#[test]
fn files_next_to_a_container_are_found_through_a_link() {
    let fixture = sealed();
    let link = fixture.folder().join("link.ovseal");
    std::os::unix::fs::symlink(fixture.container(), &link).unwrap();
    let (local, new) = (KeyFile::generate().unwrap(), KeyFile::generate().unwrap());
    RekeyOptions::new().add_recipient(&local).write_side_file(&fixture.container(), &[&fixture.key]).unwrap();
    RekeyOptions::new().add_recipient(&new).rekey(&fixture.container(), &[&fixture.key]).unwrap();
    OpenOptions::new(Trust::AnySender).open(&link, &[&local]).unwrap();
    assert!(opens(&fixture, &local) && opens(&fixture, &new));
    for path in [link, fixture.container()] {
        assert_eq!(Inspection::of(&path).unwrap().side_file.unwrap().len(), 1);
    }
}

#[test]
fn only_a_regular_file_is_rekeyed() {
    let fixture = sealed();
    let before = std::fs::read(fixture.container()).unwrap();
    let [link, pipe] = ["link", "pipe"].map(|name| fixture.folder().join(name));
    std::os::unix::fs::symlink(fixture.container(), &link).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let new = KeyFile::generate().unwrap();
    let options = || RekeyOptions::new().add_recipient(&new);
    for (path, found) in [(&link, "a symbolic link"), (&pipe, "a pipe or a device")] {
        for error in [
            options().rekey(path, &[&fixture.key]).unwrap_err(),
            options().write_side_file(path, &[&fixture.key]).unwrap_err(),
        ] {
            let message = format!("{} is {found}; only a regular file can be rekeyed", path.display());
            assert_eq!((error.to_string(), error.kind()), (message, ErrorKind::Usage));
        }
    }
    assert_eq!(std::fs::read(fixture.container()).unwrap(), before);
}

#[test]
fn a_side_file_removes_nothing_and_does_not_mix_keys() {
    let fixture = sealed();
    let quantum = PublicKeyIdentity::generate().unwrap().recipient();
    let x25519 = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    let classical = PublicKeyIdentity::parse(x25519).unwrap().recipient();
    let write = |options: RekeyOptions<'_>| options.write_side_file(&fixture.container(), &[&fixture.key]);
    let remove = RekeyOptions::new().add_recipient(&quantum).remove_stanza(0);
    assert!(matches!(write(remove), Err(RekeyError::RemoveFromSideFile)));
    let mixed = RekeyOptions::new().add_recipient(&quantum).add_recipient(&classical);
    assert!(matches!(write(mixed), Err(RekeyError::MixedRecipients)));
}

#[test]
fn a_container_with_several_hard_links_is_not_rekeyed() {
    let fixture = sealed();
    std::fs::hard_link(fixture.container(), fixture.folder().join("other.ovseal")).unwrap();
    let new = KeyFile::generate().unwrap();
    let error =
        RekeyOptions::new().add_recipient(&new).rekey(&fixture.container(), &[&fixture.key]).unwrap_err();
    assert!(matches!(error, RekeyError::HardLinks { .. }));
}

#[test]
fn a_planted_rekey_file_neither_locks_out_nor_is_adopted() {
    let fixture = sealed();
    let other = sealed();
    // A rekeying file for this container with another container's stanzas, a higher generation and
    // a correct checksum.
    let mut head = b"\x89OVREKY\n\0\x01\0\0\0\0\0\0".to_vec();
    head.extend_from_slice(Inspection::of(&fixture.container()).unwrap().container_id.as_bytes());
    RekeyOptions::new().add_recipient(&other.key).rekey(&other.container(), &[&other.key]).unwrap();
    head.extend_from_slice(&std::fs::read(other.container()).unwrap()[4096..4096 + 65_536]);
    let checksum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &head);
    head.extend_from_slice(checksum.as_ref());
    std::fs::write(fixture.folder().join("model.ovseal.rekey"), head).unwrap();
    assert!(opens(&fixture, &fixture.key));
    let new = KeyFile::generate().unwrap();
    let error =
        RekeyOptions::new().add_recipient(&new).rekey(&fixture.container(), &[&fixture.key]).unwrap_err();
    assert!(matches!(error, RekeyError::ForeignRekeyFile { .. }), "{error}");
    assert!(opens(&fixture, &fixture.key));
}

#[test]
fn a_side_file_opens_a_read_only_container_for_one_more_key() {
    let fixture = sealed();
    let local = KeyFile::generate().unwrap();
    let before = std::fs::read(fixture.container()).unwrap();
    RekeyOptions::new().add_recipient(&local).write_side_file(&fixture.container(), &[&fixture.key]).unwrap();
    assert!(opens(&fixture, &local) && opens(&fixture, &fixture.key));
    assert_eq!(std::fs::read(fixture.container()).unwrap(), before);
    let side = fixture.folder().join("model.ovseal.keys");
    let good = std::fs::read(&side).unwrap();
    for position in 0..good.len() {
        let mut bytes = good.clone();
        bytes[position] ^= 4;
        std::fs::write(&side, bytes).unwrap();
        let error =
            OpenOptions::new(Trust::AnySender).open(&fixture.container(), &[&fixture.key]).unwrap_err();
        assert!(matches!(error, OpenError::SideFile { .. }), "byte {position}: {error}");
    }
}

#[test]
fn rekeying_a_hundred_gigabytes_reads_less_than_a_mebibyte() {
    let fixture = Fixture::new(&[("w.bin", b"1")]);
    fixture.seal(fixture.options().chunk_size(ovseal::ChunkSize::LARGE));
    let container = grow(&fixture, 100 << 30).path;
    let new = KeyFile::generate().unwrap();
    let before = bytes_read();
    RekeyOptions::new().add_recipient(&new).rekey(&container, &[&fixture.key]).unwrap();
    let read = bytes_read() - before;
    assert!(read < 1 << 20, "rekeying read {read} bytes");
    assert_eq!(Inspection::of(&container).unwrap().stanzas.len(), 2);
}

/// Returns the number of bytes that this process has read; each test runs in its own process.
fn bytes_read() -> u64 {
    let counters = std::fs::read_to_string("/proc/self/io").unwrap();
    counters.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}
