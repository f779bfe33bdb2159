//! Tokens from Rust, with a real SoftHSM.
#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use cryptoki::context::Pkcs11;
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use ovseal::{ErrorKind, ModelName, OpenOptions, SealOptions, Trust};
use ovseal_hardware::pkcs11::{
    Module, Pin, Token, TokenError, TokenIdentity, TokenRecipient, TokenSigner, Uri,
};
use ovseal_testkit::Fixture;
use tempfile::TempDir;

const PIN: &str = "271828";

/// SoftHSM's settings, created once for this process.
static SOFTHSM: LazyLock<TempDir> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let tokens = directory.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let settings = directory.path().join("softhsm2.conf");
    std::fs::write(&settings, format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display()))
        .unwrap();
    // SAFETY: every test of this process begins here and waits for the first of them, so no other
    // thread uses the environment.
    unsafe { std::env::set_var("SOFTHSM2_CONF", settings) };
    directory
});

fn module_path() -> PathBuf {
    std::env::var_os("OVSEAL_TEST_SOFTHSM")
        .expect("OVSEAL_TEST_SOFTHSM is not set: run `cargo xtask test`")
        .into()
}

/// Creates an unlocked token with this label, opened for creating keys.
fn token(label: &str) -> Token {
    LazyLock::force(&SOFTHSM);
    let mut command = Command::new("softhsm2-util");
    command.args(["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "314159"]);
    assert!(command.status().unwrap().success());
    let module = Module::load(&module_path()).unwrap();
    let token = Token::find_to_write(&module, &uri(label)).unwrap();
    token.log_in(&Pin::new(PIN.as_bytes()).unwrap()).unwrap();
    token
}

fn uri(label: &str) -> Uri {
    Uri::parse(&format!("pkcs11:token={label};object=key")).unwrap()
}

#[test]
fn one_token_serves_many_threads() {
    let token = token("threads");
    let recipient = TokenRecipient::make(&token, &uri("threads")).unwrap();
    let fixture = Fixture::new(&[("notes.txt", b"weights")]);
    let container = fixture.seal(SealOptions::new(ModelName::parse("notes").unwrap()).recipient(&recipient));
    let identity = TokenIdentity::find(&token, &uri("threads")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let opened = OpenOptions::new(Trust::AnySender).open(&container, &[&identity]).unwrap();
                    assert_eq!(&opened.part("notes.txt").unwrap().read().unwrap()[..], b"weights");
                }
            });
        }
    });
}

#[test]
fn a_new_key_for_opening_cannot_be_extracted_or_used_otherwise() {
    let token = token("opening");
    TokenRecipient::make(&token, &uri("opening")).unwrap();
    check_attributes("opening", true);
}

#[test]
fn a_new_key_for_signing_cannot_be_extracted_or_used_otherwise() {
    let token = token("signing");
    TokenSigner::make(&token, &uri("signing")).unwrap();
    check_attributes("signing", false);
}

/// Checks the one key of a token without this project's code.
fn check_attributes(label: &str, opens: bool) {
    let module = Pkcs11::new(module_path()).unwrap();
    let labels = |slot| module.get_token_info(slot).unwrap().label().trim().to_owned();
    let slot =
        module.get_slots_with_token().unwrap().into_iter().find(|slot| labels(*slot) == label).unwrap();
    let session = module.open_ro_session(slot).unwrap();
    // A login applies to the whole process.
    let _ = session.login(UserType::User, Some(&AuthPin::from(PIN.to_owned())));
    let keys = session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)]).unwrap();
    let wanted = [
        (AttributeType::Sensitive, Attribute::Sensitive(true)),
        (AttributeType::Extractable, Attribute::Extractable(false)),
        (AttributeType::Private, Attribute::Private(true)),
        (AttributeType::Derive, Attribute::Derive(opens)),
        (AttributeType::Sign, Attribute::Sign(!opens)),
        (AttributeType::Decrypt, Attribute::Decrypt(false)),
        (AttributeType::Unwrap, Attribute::Unwrap(false)),
    ];
    assert_eq!(keys.len(), 1);
    for (kind, value) in wanted {
        assert_eq!(session.get_attributes(keys[0], &[kind]).unwrap(), [value]);
    }
    assert_eq!(session.get_attributes(keys[0], &[AttributeType::Value]).unwrap(), []);
}

#[test]
fn a_second_module_is_rejected() {
    let token = token("module");
    let same = Module::load(&module_path()).unwrap();
    assert!(same.tokens().unwrap().contains(token.summary()));
    let error = Module::load(Path::new("/another.so")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(matches!(error, TokenError::OtherModule { loaded } if loaded == module_path()));
}

#[test]
fn a_wrong_pin_is_not_tried_again() {
    LazyLock::force(&SOFTHSM);
    drop(token("pin"));
    let module = Module::load(&module_path()).unwrap();
    let token = Token::find(&module, &uri("pin")).unwrap();
    let wrong = token.log_in(&Pin::new(b"000000").unwrap()).unwrap_err();
    assert!(matches!(&wrong, TokenError::PinWrong { label, .. } if label == "pin"), "{wrong:?}");
    token.log_in(&Pin::new(PIN.as_bytes()).unwrap()).unwrap();
}
