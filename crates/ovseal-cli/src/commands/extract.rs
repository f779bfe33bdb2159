//! `ovseal extract`: a container's parts as plaintext files.
//!
//! The parts are decrypted into a staging directory inside the destination, and renamed after the
//! last one has been verified. So memory stays bounded, and parts appear only after all have been
//! verified.

mod destination;

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::Args;
use destination::Destination;
use ovseal::{FileIdentity, Opened, Part};
use ovseal_memory::ModelMemory;
use tempfile::TempDir;

use crate::errors::{CommandError, Kind, cannot_write};
use crate::keys::trust::{self, TrustOptions};
use crate::keys::{Inputs, KeyOptions, Keys, Source, open_failure};
use crate::ui::{Interrupt, Output, Progress, text};

/// Write the parts of a container to a directory, in plaintext
///
/// The written files are no longer protected. They appear only after every part has been verified,
/// and only their owner can read them. Symbolic links inside the directory are not followed.
#[derive(Debug, Args)]
pub(crate) struct ExtractArgs {
    /// The container
    #[arg(value_name = "FILE")]
    pub(crate) container: PathBuf,

    #[command(flatten)]
    pub(crate) keys: KeyOptions,

    #[command(flatten)]
    pub(crate) trust: TrustOptions,

    /// Write the plaintext to DIR; created if missing
    #[arg(long, value_name = "DIR")]
    pub(crate) danger_write_plaintext: PathBuf,

    /// Replace existing files
    ///
    /// Symbolic links, pipes, devices, and files that extract reads, such as the key or the
    /// container, are never replaced.
    #[arg(long)]
    pub(crate) force: bool,
}

pub(super) fn run(args: &ExtractArgs, output: &mut Output) -> Result<(), CommandError> {
    let options = trust::open_options(&args.trust)?.kdf_limit(args.keys.kdf_limit);
    trust::check_sender(&options, &args.container)?;
    let keys = Keys::obtain(&args.keys, &args.container, &mut Inputs::default())?;
    let opened = options.open(&args.container, &keys.identities());
    let opened = opened.map_err(|error| keys.failure(&args.container, error))?;
    trust::warn_if_unsigned(&args.trust.sender, opened.claimed_publishers(), output);
    let length = extract(args, &opened)?;
    let parts = text::plural(opened.parts().len() as u64, "part");
    output.warning(&format!(
        "wrote {parts} ({}) to {} in plaintext: they are no longer protected",
        text::bytes(length),
        args.danger_write_plaintext.display()
    ));
    Ok(())
}

/// Extracts all parts, and returns the number of bytes.
fn extract(args: &ExtractArgs, opened: &Opened) -> Result<u64, CommandError> {
    let directory = &args.danger_write_plaintext;
    // Watch for signals first, because a signal must not leave anything behind.
    let interrupt = Interrupt::notice()?;
    let destination = Destination::open(directory)?;
    let paths: Vec<_> = opened.parts().map(|part| part.entry().path.clone()).collect();
    destination.check(&paths, args.force, &read_files(args))?;
    let staging = staging(directory)?;
    let length = opened.parts().map(|part| part.length()).sum();
    let progress = Progress::new(length);
    for part in opened.parts() {
        write_part(&args.container, &part, staging.path(), |bytes| {
            progress.advance(bytes);
            interrupt.check()
        })?;
    }
    interrupt.check()?;
    destination.place(staging.path(), &paths, args.force)?;
    Ok(length)
}

/// Returns the files that are read, which must not be overwritten.
fn read_files(args: &ExtractArgs) -> Vec<FileIdentity> {
    let publishers = args.trust.sender.publishers.iter().map(PathBuf::as_path);
    let named = publishers.chain([args.container.as_path()]).filter_map(|path| FileIdentity::of(path).ok());
    named.chain(args.keys.sources().filter_map(Source::identity)).collect()
}

/// Creates a directory inside the destination. It is removed on drop, unless the process is killed.
fn staging(directory: &Path) -> Result<TempDir, CommandError> {
    let mut builder = tempfile::Builder::new();
    let private = Permissions::from_mode(0o700);
    let made = builder.prefix(".ovseal-").suffix(".partial").permissions(private).tempdir_in(directory);
    // The error's own message shows the staging directory, which means nothing to the user.
    made.map_err(|error| cannot_write(&directory.display(), error.kind().into()))
}

fn write_part(
    container: &Path,
    part: &Part,
    staging: &Path,
    advance: impl Fn(u64) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let failed = |error| cannot_write(&part.entry().path, error);
    let mut file = stage(&staging.join(part.entry().path.as_str())).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => same_name(part),
        _ => failed(error),
    })?;
    each_chunk(container, part, |bytes| {
        advance(bytes.len() as u64)?;
        file.write_all(bytes).map_err(failed)
    })?;
    file.sync_all().map_err(failed)
}

/// Creates a new file, and the directories above it.
fn stage(path: &Path) -> io::Result<File> {
    path.parent().map_or(Ok(()), ovseal_files::create_private_directory)?;
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Returns the error for two paths that this file system does not distinguish.
fn same_name(part: &Part) -> CommandError {
    CommandError::message(
        Kind::Environment,
        format!("this file system cannot distinguish {} from another part", part.entry().path),
    )
    .hint("extract to a file system that distinguishes upper and lower case")
}

/// Decrypts a part piece by piece. An empty part has one empty chunk, which is also checked.
fn each_chunk(
    container: &Path,
    part: &Part,
    mut write: impl FnMut(&[u8]) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let failed = |error| open_failure(container, error);
    if part.length() == 0 {
        return part.read_into(&mut []).map_err(failed);
    }
    let size = part.length().min(PIECE);
    let mut buffer = ModelMemory::zeroed(size as usize)?;
    for offset in (0..part.length()).step_by(size as usize) {
        let length = size.min(part.length() - offset) as usize;
        part.read_range(offset, &mut buffer[..length]).map_err(failed)?;
        write(&buffer[..length])?;
    }
    Ok(())
}

/// Bytes decrypted at a time: a multiple of every chunk size.
const PIECE: u64 = 16 << 20;
