//! `ovseal keygen`: identities, publishers' keys and key files.

use std::path::{Path, PathBuf};

use clap::Args;
use ovseal::{KeyFile, PublicKeyIdentity, PublisherKey};
use ovseal_hardware::tpm2::ApproverKey;

use crate::errors::CommandError;
use crate::errors::usage::refuse_stdout;
use crate::ui::{NewFile, Output, PRIVATE, PUBLIC};

/// Create a key: an identity, a publisher's key, an approver's key or a key file
///
/// By default, create a post-quantum identity, which also works with age, and print its recipient.
/// Private files are readable by their owner only. Existing files are never overwritten.
#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// Write to FILE; with --publisher or --approver, to FILE.key and FILE.pub
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Create a publisher's signing keys, and print the key id
    #[arg(long, conflicts_with = "keyfile")]
    pub(crate) publisher: bool,

    /// Create an approver's keys, which approve measured states of devices (P-256, which TPMs can
    /// verify)
    #[arg(long, conflicts_with_all = ["keyfile", "publisher"])]
    pub(crate) approver: bool,

    /// Create a key file: 32 random bytes that the publisher and the device share
    #[arg(long)]
    pub(crate) keyfile: bool,
}

pub(super) fn run(args: &KeygenArgs, output: &mut Output) -> Result<(), CommandError> {
    refuse_stdout(&args.output)?;
    if args.publisher {
        write_publisher(&PublisherKey::generate()?, &args.output, output)
    } else if args.approver {
        approver(&args.output, output)
    } else if args.keyfile {
        keyfile(&args.output, output)
    } else {
        identity(&args.output, output)
    }
}

fn identity(path: &Path, output: &mut Output) -> Result<(), CommandError> {
    let identity = PublicKeyIdentity::generate()?;
    let recipient = identity.recipient().to_string();
    let comment = format!("# public key: {recipient}\n");
    let secret = identity.encode();
    NewFile::write(path.into(), PRIVATE, &[comment.as_bytes(), secret.expose(), b"\n"])?.commit()?;
    keep_secret(path, output);
    output.line(&recipient)
}

/// Writes a publisher's key to `stem.key` and `stem.pub`, and prints the key id.
///
/// # Errors
/// Fails if a file exists or cannot be written.
pub(super) fn write_publisher(
    key: &PublisherKey,
    stem: &Path,
    output: &mut Output,
) -> Result<(), CommandError> {
    pair(stem, key.encode().expose(), key.publisher().encode().as_bytes(), output)?;
    output.line(&key.publisher().id().to_string())
}

fn approver(stem: &Path, output: &mut Output) -> Result<(), CommandError> {
    let key = ApproverKey::generate()?;
    pair(stem, key.encode().expose(), key.approver().encode().as_bytes(), output)
}

/// Commits the public key first: a private key is useless without its public half.
fn pair(stem: &Path, private: &[u8], public: &[u8], output: &mut Output) -> Result<(), CommandError> {
    let (private_path, public_path) = (with_suffix(stem, ".key"), with_suffix(stem, ".pub"));
    let private = NewFile::write(private_path.clone(), PRIVATE, &[private])?;
    let public = NewFile::write(public_path.clone(), PUBLIC, &[public])?;
    public.commit()?;
    private.commit().inspect_err(|_| {
        // Errors are ignored: the reported error explains why there is no key.
        let _ = std::fs::remove_file(&public_path);
    })?;
    keep_secret(&private_path, output);
    output.note(&format!("wrote {}: give it to everyone who should trust you", public_path.display()));
    Ok(())
}

fn keyfile(path: &Path, output: &mut Output) -> Result<(), CommandError> {
    NewFile::write(path.into(), PRIVATE, &[&*KeyFile::generate()?.expose()])?.commit()?;
    keep_secret(path, output);
    Ok(())
}

fn keep_secret(path: &Path, output: &mut Output) {
    output.note(&format!("wrote {}: keep it secret", path.display()));
}

fn with_suffix(stem: &Path, suffix: &str) -> PathBuf {
    let mut name = stem.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
