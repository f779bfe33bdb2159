//! What is never sealed with a model, and what a container never overwrites.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::path::Path;

use ovseal::{
    ErrorKind, FileIdentity, KeyFile, Model, ModelError, ModelOptions, PublicKeyIdentity, PublisherKey,
    SealError,
};
use ovseal_testkit::Fixture;

fn find(fixture: &Fixture, options: ModelOptions) -> Result<Model, ModelError> {
    Model::find(&fixture.model_path(), options)
}

fn paths(model: &Model) -> Vec<&str> {
    model.parts().map(|part| part.path.as_str()).collect()
}

fn left_out(model: &Model) -> Vec<&Path> {
    model.left_out().collect()
}

/// A folder with a model, and what gathers beside one.
fn cluttered() -> Fixture {
    Fixture::new(&[
        ("config.json", b"{}"),
        ("old.ovseal", b"old"),
        (".git/config", b"token"),
        ("notes/.ipynb_checkpoints/a.ipynb", b"plain"),
        ("notes/a.md", b"#"),
        (".env", b"PASSWORD=1"),
    ])
}

#[test]
fn what_no_model_needs_is_left_out_and_listed() {
    let fixture = cluttered();
    let model = find(&fixture, ModelOptions::default()).unwrap();
    assert_eq!(paths(&model), ["config.json", "notes/a.md"]);
    let expected = [".env", ".git", "notes/.ipynb_checkpoints", "old.ovseal"].map(Path::new);
    assert_eq!(left_out(&model), expected);
}

#[test]
fn patterns_of_the_caller_and_of_an_ignore_file_leave_out_more() {
    let fixture = cluttered();
    fixture.write(".ovsealignore", b"# notes of our own\nnotes/\n!.env\n");
    let model = find(&fixture, ModelOptions::default()).unwrap();
    assert_eq!(paths(&model), [".env", "config.json"]);
    assert_eq!(left_out(&model), [".git", "notes", "old.ovseal"].map(Path::new));
    let exclude = vec!["*.json".to_owned()];
    let model = find(&fixture, ModelOptions { exclude: exclude.clone(), ..ModelOptions::default() });
    assert_eq!(paths(&model.unwrap()), [".env"]);
    let options = ModelOptions { exclude, include_everything: true, ..ModelOptions::default() };
    let everything = find(&fixture, options).unwrap();
    assert_eq!(left_out(&everything), [Path::new("config.json")]);
    assert_eq!(everything.parts().count(), 6);
}

#[test]
fn a_folder_of_which_everything_is_left_out_is_no_model() {
    let fixture = Fixture::new(&[(".git/config", b"token")]);
    let error = find(&fixture, ModelOptions::default()).unwrap_err();
    assert!(matches!(error, ModelError::AllLeftOut { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[test]
fn a_private_key_is_never_part_of_a_model() {
    let publisher = PublisherKey::generate().unwrap().encode();
    let identity =
        [b"# public key: age1\n", PublicKeyIdentity::generate().unwrap().encode().expose()].concat();
    let pem =
        |label: &str| format!("-----BEGIN {label}-----\r\nAAAA\r\n-----END {label}-----\r\n").into_bytes();
    let secret = "Q".repeat(64);
    let variable = format!("export KEY=age-secret-key-pq-1{secret}\n");
    let json = format!("{{\"key\": \"-----BEGIN PRIVATE KEY-----\\n{secret}\\n-----END PRIVATE KEY-----\"}}");
    let wide: Vec<u8> =
        "\u{feff}-----BEGIN PRIVATE KEY-----\r\nAAAA\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let certificate = [pem("CERTIFICATE"), pem("PRIVATE KEY")].concat();
    for (content, words) in [
        (publisher.expose(), "a private key in PEM"),
        (&identity[..], "an identity, as keygen and age write it"),
        (b"\xef\xbb\xbfage-secret-key-1qqqq", "an identity, as keygen and age write it"),
        (&pem("RSA PRIVATE KEY"), "a private key in PEM"),
        (&pem("EC PRIVATE KEY"), "a private key in PEM"),
        (&pem("ENCRYPTED PRIVATE KEY"), "a private key in PEM"),
        (&certificate, "a private key in PEM"),
        (&pem("OPENSSH PRIVATE KEY"), "an OpenSSH private key"),
        (&pem("PGP PRIVATE KEY BLOCK"), "a private key of OpenPGP"),
        (variable.as_bytes(), "an identity, as keygen and age write it"),
        (json.as_bytes(), "a private key in PEM"),
        (&wide, "a private key in PEM"),
    ] {
        for include_everything in [false, true] {
            let fixture = Fixture::new(&[("config.json", b"{}"), ("deep/inside.txt", content)]);
            let options = ModelOptions { include_everything, ..ModelOptions::default() };
            let error = find(&fixture, options).unwrap_err();
            let file = fixture.model_path().join("deep/inside.txt");
            assert_eq!(error.to_string(), format!("{} is {words}", file.display()));
            assert_eq!(error.kind(), ErrorKind::Usage);
            let single = Model::find(&file, ModelOptions { only: true, ..ModelOptions::default() });
            assert!(matches!(single, Err(ModelError::PrivateKey { .. })));
        }
    }
}

#[test]
fn public_keys_and_text_about_private_ones_are_sealed() {
    let publisher = PublisherKey::generate().unwrap();
    let public = publisher.publisher().encode();
    let recipient = PublicKeyIdentity::generate().unwrap().recipient().to_string();
    let text = "Keep what begins with AGE-SECRET-KEY-1 or -----BEGIN PRIVATE KEY----- to yourself.";
    let fixture =
        Fixture::new(&[("a", public.as_bytes()), ("b", recipient.as_bytes()), ("c", text.as_bytes())]);
    assert_eq!(find(&fixture, ModelOptions::default()).unwrap().parts().count(), 3);
}

#[test]
fn what_looks_like_a_key_file_is_refused_unless_everything_is_included() {
    let key = KeyFile::generate().unwrap();
    let fixture = Fixture::new(&[("config.json", b"{}"), ("shared", &*key.expose())]);
    let error = find(&fixture, ModelOptions::default()).unwrap_err();
    assert!(error.to_string().ends_with("is what looks like a key file, 32 random bytes"), "{error}");
    let everything = ModelOptions { include_everything: true, ..ModelOptions::default() };
    assert_eq!(find(&fixture, everything).unwrap().parts().count(), 2);
    for harmless in [&[7; 32], b"a text of thirty-two characters!"] {
        let fixture = Fixture::new(&[("other", &harmless[..])]);
        find(&fixture, ModelOptions::default()).unwrap();
    }
    // The weights of a small network are as long, and look the same.
    let fixture = Fixture::new(&[("m.xml", b"<net name=\"m\"/>"), ("m.bin", &*key.expose())]);
    find(&fixture, ModelOptions::default()).unwrap();
}

#[test]
fn a_file_that_was_read_for_a_key_is_neither_sealed_nor_overwritten() {
    let fixture = Fixture::new(&[("w.bin", b"weights"), ("words.txt", b"correct horse")]);
    let words = fixture.model_path().join("words.txt");
    let link = fixture.folder().join("hard");
    std::fs::hard_link(&words, &link).unwrap();
    let file = FileIdentity::of(&link).unwrap();
    let error = fixture.options().read_file(file).seal(&fixture.model(), &fixture.container()).unwrap_err();
    assert!(matches!(&error, SealError::KeyInModel { path } if *path == words), "{error}");
    assert_eq!(error.kind(), ErrorKind::Usage);
    // A container that is a key at the same time: not even that is overwritten.
    let container = fixture.seal(fixture.options());
    let before = std::fs::read(&container).unwrap();
    let file = FileIdentity::of(&container).unwrap();
    let options = fixture.options().replace(true).read_file(file);
    let error = options.seal(&fixture.model(), &container).unwrap_err();
    assert!(matches!(error, SealError::OutputIsKey), "{error}");
    assert_eq!(std::fs::read(&container).unwrap(), before);
}

#[test]
fn only_a_container_is_replaced() {
    let fixture = Fixture::new(&[("w.bin", b"weights")]);
    let container = fixture.seal(fixture.options());
    fixture.seal(fixture.options());
    let [file, link, dangling, pipe, folder] =
        ["file", "link", "dangling", "pipe", "folder"].map(|name| fixture.folder().join(name));
    std::fs::write(&file, "precious").unwrap();
    std::os::unix::fs::symlink(&container, &link).unwrap();
    std::os::unix::fs::symlink("none", &dangling).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::create_dir(&folder).unwrap();
    for (output, what) in [
        (&file, "another file"),
        (&link, "a symbolic link"),
        (&dangling, "a symbolic link"),
        (&pipe, "a pipe or a device"),
        (&folder, "a directory"),
    ] {
        let error = fixture.options().replace(true).seal(&fixture.model(), output).unwrap_err();
        assert_eq!(error.to_string(), format!("only a container can be replaced, not {what}"));
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
}
