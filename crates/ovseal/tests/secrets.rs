//! Files that are never sealed with a model, and files that a container never overwrites.

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

/// Creates a directory with a model and the clutter that collects next to one.
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
fn files_that_no_model_needs_are_left_out_and_listed() {
    let fixture = cluttered();
    let model = find(&fixture, ModelOptions::default()).unwrap();
    assert_eq!(paths(&model), ["config.json", "notes/a.md"]);
    let expected = [".env", ".git", "notes/.ipynb_checkpoints", "old.ovseal"].map(Path::new);
    assert_eq!(left_out(&model), expected);
}

#[test]
fn exclude_patterns_and_an_ignore_file_leave_out_more() {
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
fn a_directory_with_everything_left_out_is_not_a_model() {
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
        (publisher.expose(), "a PEM private key"),
        (&identity[..], "an identity file as written by keygen or age"),
        (b"\xef\xbb\xbfage-secret-key-1qqqq", "an identity file as written by keygen or age"),
        (&pem("RSA PRIVATE KEY"), "a PEM private key"),
        (&pem("EC PRIVATE KEY"), "a PEM private key"),
        (&pem("ENCRYPTED PRIVATE KEY"), "a PEM private key"),
        (&certificate, "a PEM private key"),
        (&pem("OPENSSH PRIVATE KEY"), "an OpenSSH private key"),
        (&pem("PGP PRIVATE KEY BLOCK"), "an OpenPGP private key"),
        (variable.as_bytes(), "an identity file as written by keygen or age"),
        (json.as_bytes(), "a PEM private key"),
        (&wide, "a PEM private key"),
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
fn a_file_like_a_key_file_is_rejected_unless_everything_is_included() {
    let key = KeyFile::generate().unwrap();
    let fixture = Fixture::new(&[("config.json", b"{}"), ("shared", &*key.expose())]);
    let error = find(&fixture, ModelOptions::default()).unwrap_err();
    assert!(error.to_string().ends_with("is probably a key file: 32 random bytes"), "{error}");
    let everything = ModelOptions { include_everything: true, ..ModelOptions::default() };
    assert_eq!(find(&fixture, everything).unwrap().parts().count(), 2);
    for harmless in [&[7; 32], b"a text of thirty-two characters!"] {
        let fixture = Fixture::new(&[("other", &harmless[..])]);
        find(&fixture, ModelOptions::default()).unwrap();
    }
    // The weights of a small network can look like a key file.
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
    // Not even a container is overwritten if it was read for a key.
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
    let [file, link, dangling, pipe, directory] =
        ["file", "link", "dangling", "pipe", "directory"].map(|name| fixture.folder().join(name));
    std::fs::write(&file, "precious").unwrap();
    std::os::unix::fs::symlink(&container, &link).unwrap();
    std::os::unix::fs::symlink("none", &dangling).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::create_dir(&directory).unwrap();
    for (output, what) in [
        (&file, "another file"),
        (&link, "a symbolic link"),
        (&dangling, "a symbolic link"),
        (&pipe, "a pipe or a device"),
        (&directory, "a directory"),
    ] {
        let error = fixture.options().replace(true).seal(&fixture.model(), output).unwrap_err();
        assert_eq!(error.to_string(), format!("only a container can be replaced, not {what}"));
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
}
