//! `ovseal extract`: a container's parts as plaintext files.
//!
//! All parts are decrypted into a folder of their own inside the destination and renamed when the last one was found
//! authentic: memory stays bounded, and nothing appears under a part's name that could not be trusted.

mod destination;

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use destination::Destination;
use ovseal::{FileIdentity, OpenError, Opened, Part};
use ovseal_memory::ModelMemory;
use tempfile::TempDir;

use crate::args::ExtractArgs;
use crate::conversions::cannot_write;
use crate::error::{CommandError, Kind};
use crate::input::{Inputs, Source};
use crate::interrupt::Interrupt;
use crate::keys::{Keys, open_failure};
use crate::output::Output;
use crate::progress::Progress;
use crate::{text, trust};

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

/// Gives the number of bytes that were written.
fn extract(args: &ExtractArgs, opened: &Opened) -> Result<u64, CommandError> {
    let folder = &args.danger_write_plaintext;
    // Before the first thing is made that a signal must not leave behind.
    let interrupt = Interrupt::notice()?;
    let destination = Destination::open(folder)?;
    let paths: Vec<_> = opened.parts().map(|part| part.entry().path.clone()).collect();
    destination.check(&paths, args.force, &read_files(args))?;
    let staging = staging(folder)?;
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

/// The files that are read: none of them is overwritten.
fn read_files(args: &ExtractArgs) -> Vec<FileIdentity> {
    let publishers = args.trust.sender.publishers.iter().map(PathBuf::as_path);
    let named = publishers.chain([args.container.as_path()]).filter_map(|path| FileIdentity::of(path).ok());
    named.chain(args.keys.sources().filter_map(Source::identity)).collect()
}

/// A folder inside the destination that disappears with everything in it, unless the process is killed.
fn staging(folder: &Path) -> Result<TempDir, CommandError> {
    let mut builder = tempfile::Builder::new();
    let private = Permissions::from_mode(0o700);
    let made = builder.prefix(".ovseal-").suffix(".partial").permissions(private).tempdir_in(folder);
    // The error's own text names the folder that nobody asked for.
    made.map_err(|error| cannot_write(&folder.display(), error.kind().into()))
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
    each_chunk(part, |bytes| {
        advance(bytes.len() as u64)?;
        file.write_all(bytes).map_err(failed)
    })
    .map_err(|failure| failure.into_command_error(container))?;
    file.sync_all().map_err(failed)
}

/// Makes a file that must be new, and the folders above it.
fn stage(path: &Path) -> io::Result<File> {
    path.parent().map_or(Ok(()), |folder| DirBuilder::new().recursive(true).mode(0o700).create(folder))?;
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// No two parts have the same path: so this file system does not tell two paths apart.
fn same_name(part: &Part) -> CommandError {
    CommandError::message(
        Kind::Environment,
        format!("this file system takes {} and another part for the same file", part.entry().path),
    )
    .hint("extract to a file system that distinguishes upper and lower case")
}

/// Why a part was not written: it could not be opened, or its file could not be written.
enum Failure {
    Open(OpenError),
    Write(CommandError),
}

impl Failure {
    fn into_command_error(self, container: &Path) -> CommandError {
        match self {
            Self::Open(error) => open_failure(container, error),
            Self::Write(error) => error,
        }
    }
}

/// Decrypts one chunk after the other; a part without bytes has one empty chunk, which is checked too.
fn each_chunk(part: &Part, mut write: impl FnMut(&[u8]) -> Result<(), CommandError>) -> Result<(), Failure> {
    if part.length() == 0 {
        return part.read_into(&mut []).map_err(Failure::Open);
    }
    let size = part.length().min(PIECE);
    let mut buffer = ModelMemory::zeroed(size as usize).map_err(|error| Failure::Write(error.into()))?;
    for offset in (0..part.length()).step_by(size as usize) {
        let length = size.min(part.length() - offset) as usize;
        part.read_range(offset, &mut buffer[..length]).map_err(Failure::Open)?;
        write(&buffer[..length]).map_err(Failure::Write)?;
    }
    Ok(())
}

/// As many bytes are decrypted at a time: a multiple of every chunk size.
const PIECE: u64 = 16 << 20;
