//! Keys of an enclave, read through a double of Gramine's files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]

#[allow(dead_code, reason = "the double of the kernel is for the tests of evidence")]
mod doubles;

use std::path::Path;

use doubles::Mounted;
use doubles::gramine::Gramine;
use ovseal::{
    Identity, ModelName, OpenError, OpenOptions, RekeyError, RekeyOptions, SealError, SealOptions, Trust,
    UnwrapError,
};
use ovseal_hardware::sgx::{EnclaveError, EnclaveIdentity, EnclaveKey, SealingPolicy};
use ovseal_testkit::Fixture;

const POLICIES: [SealingPolicy; 2] = [SealingPolicy::Enclave, SealingPolicy::Signer];

/// Mounts the files of an enclave with these two keys.
fn enclave(enclave: &[u8], signer: &[u8]) -> Mounted {
    Mounted::new(Gramine::new(None, &[("_sgx_mrenclave", enclave), ("_sgx_mrsigner", signer)]))
}

/// Seals a container to a key file.
fn sealed() -> Fixture {
    let fixture = Fixture::new(&[("notes.txt", b"weights")]);
    fixture.seal(fixture.options());
    fixture
}

fn open(container: &Path, identity: &dyn Identity) -> Result<Vec<u8>, OpenError> {
    let opened = OpenOptions::new(Trust::AnySender).open(container, &[identity])?;
    Ok(opened.part("notes.txt")?.read()?.to_vec())
}

#[test]
fn a_container_opens_only_in_the_enclave_that_it_is_bound_to() {
    let home = enclave(&[1; 16], &[2; 16]);
    let rebuilt = enclave(&[3; 16], &[2; 16]);
    let stranger = enclave(&[4; 16], &[5; 16]);
    for (policy, opens_rebuilt) in POLICIES.into_iter().zip([false, true]) {
        let sealed = sealed();
        let key = EnclaveKey::read(home.path(), policy).unwrap();
        RekeyOptions::new().add_recipient(&key).rekey(&sealed.container(), &[&sealed.key]).unwrap();
        let opens = |enclave: &Mounted| match open(&sealed.container(), &EnclaveIdentity::at(enclave.path()))
        {
            Ok(content) => content == b"weights",
            Err(OpenError::NoKeyFits { .. }) => false,
            Err(error) => panic!("{error}"),
        };
        assert_eq!([&home, &rebuilt, &stranger].map(opens), [true, opens_rebuilt, false], "{policy:?}");
        assert_eq!(open(&sealed.container(), &sealed.key).unwrap(), b"weights");
    }
}

#[test]
fn an_enclaves_key_is_never_the_only_one_unless_allowed() {
    let (sealed, home) = (sealed(), enclave(&[1; 16], &[2; 16]));
    let key = EnclaveKey::read(home.path(), SealingPolicy::Signer).unwrap();
    let rebind = || RekeyOptions::new().add_recipient(&key).remove_stanza(0);
    let refused = rebind().rekey(&sealed.container(), &[&sealed.key]);
    assert!(matches!(refused, Err(RekeyError::OnlyEnclave)), "{refused:?}");
    assert_eq!(open(&sealed.container(), &sealed.key).unwrap(), b"weights");
    rebind().allow_only_enclave(true).rekey(&sealed.container(), &[&sealed.key]).unwrap();
    assert_eq!(open(&sealed.container(), &EnclaveIdentity::at(home.path())).unwrap(), b"weights");
    let options = SealOptions::new(ModelName::parse("notes").unwrap()).recipient(&key);
    let output = sealed.container().with_extension("again");
    assert!(matches!(options.seal(&sealed.model(), &output), Err(SealError::OnlyEnclave)));
    assert!(!output.exists());
}

#[test]
fn outside_an_enclave_the_missing_file_is_named() {
    let (sealed, home) = (sealed(), enclave(&[1; 16], &[2; 16]));
    let key = EnclaveKey::read(home.path(), SealingPolicy::Signer).unwrap();
    RekeyOptions::new().add_recipient(&key).rekey(&sealed.container(), &[&sealed.key]).unwrap();
    let nowhere = tempfile::tempdir().unwrap();
    let error = open(&sealed.container(), &EnclaveIdentity::at(nowhere.path())).unwrap_err();
    let OpenError::Unwrap(UnwrapError::Backend(error)) = error else { panic!("{error}") };
    let Some(EnclaveError::NoEnclave { path }) = error.downcast_ref() else { panic!("{error}") };
    assert_eq!(*path, nowhere.path().join("keys/_sgx_mrsigner"));
}

#[test]
fn a_file_without_a_key_is_rejected() {
    // Gramine shows an empty file for a key that is not set.
    for bytes in [&[][..], &[1; 15], &[1; 17]] {
        let odd = enclave(bytes, bytes);
        for policy in POLICIES {
            let refused = EnclaveKey::read(odd.path(), policy);
            assert!(matches!(refused, Err(EnclaveError::Length { .. })), "{refused:?}");
        }
    }
}

#[test]
fn debug_shows_no_key() {
    let home = enclave(&[0xab; 16], &[0xab; 16]);
    let key = EnclaveKey::read(home.path(), SealingPolicy::Enclave).unwrap();
    assert_eq!(format!("{key:?}"), "EnclaveKey { policy: Enclave, key: Secret(..) }");
}
