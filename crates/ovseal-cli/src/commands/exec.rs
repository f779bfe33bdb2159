//! `ovseal exec`: a program that finds the parts of a container as files, which only it sees.

mod program;
mod route;
mod via;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use ovseal_mount::{LaunchOptions, Launcher, become_program};
use ovseal_openvino::{Environment, LocateError};
use tempfile::TempDir;

use super::shown::Containers;
use crate::errors::{CommandError, Kind};
use crate::keys::strict::refused;
use crate::keys::{OpeningOptions, Source};
use crate::ui::Output;
use via::Via;

/// Run a program that loads a sealed model by path, without writing plaintext to a disk
///
/// The program sees the container's parts as read-only files, in a private mount namespace where
/// this is allowed. In its arguments, {} is replaced by their directory; OVSEAL_MODEL_DIR has it
/// too. The program may not write files, except to memory, devices, and directories that you allow.
/// It inherits standard input, output and error, and no other descriptor.
/// The exit code is the program's: 127 if it was not found, 126 if it could not be started,
/// 128 + n if signal n ended it.
#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    pub(crate) containers: Containers,

    #[command(flatten)]
    pub(crate) opening: OpeningOptions,

    /// Show the files in this way: auto, ramfs, fuse, memfd or dir:PATH
    ///
    /// ramfs decrypts everything into memory that is never swapped; fuse decrypts what is read;
    /// memfd needs no rights, but some programs do not accept its links; dir:PATH uses a tmpfs that
    /// you provide, as in a container. auto is ramfs for a model of up to half of the available
    /// memory, otherwise fuse. If this host allows neither, it is memfd, and a warning says so.
    #[arg(long, value_name = "ROUTE", default_value = "auto", value_parser = Via::parse)]
    pub(crate) via: Via,

    /// Let the program write in this directory; may be repeated
    #[arg(long = "allow-write", value_name = "DIR")]
    pub(crate) writable: Vec<PathBuf>,

    /// Let the program write wherever you may, also plaintext
    #[arg(long, conflicts_with = "writable")]
    pub(crate) no_confine: bool,

    /// The program and its arguments
    #[arg(value_name = "CMD", last = true, required = true)]
    pub(crate) program: Vec<OsString>,
}

/// The hidden subcommand of the process that becomes the program.
pub(crate) const LAUNCHER: &str = "exec-launcher";

pub(super) fn run(args: &ExecArgs, output: &mut Output) -> Result<(), CommandError> {
    check(args)?;
    let place = place(&args.via)?;
    let program = program::with_directory(&args.program, place.path(), output);
    program::warn_of_set_user_id(&program, output);
    // First, while this process has a single thread.
    let mut launcher = Launcher::start(&LaunchOptions {
        subcommand: vec![LAUNCHER.into()],
        directory: place.path().to_owned(),
        writable: args.writable.clone(),
        without_input: uses_stdin(args),
        variables: vec![("OVSEAL_MODEL_DIR".into(), place.path().into())],
        program: program.clone(),
    })?;
    let opened = args.opening.open(&args.containers.paths(), output)?;
    // After all prompts, which signals end as usual. From now on, what was filled is wiped.
    let mut signals = program::signals()?;
    let tree = args.containers.tree(&opened)?;
    drop(opened);
    let serving = route::serve(args, &launcher, place.path(), tree, output)?;
    confine(args, &launcher, output)?;
    program::check_not_interrupted(&mut signals)?;
    let code = program::follow(&mut launcher, &program, &mut signals)?;
    if code != 0 && !args.no_confine {
        output.note("if the program could not write a file, allow its directory with --allow-write DIR");
    }
    // The program's files end before their directory.
    serving.end(args, code)
}

/// Runs in the child. It returns only if the program was not started.
pub(super) fn launch(arguments: Vec<OsString>) -> Result<(), CommandError> {
    let code = become_program(arguments);
    Err(CommandError::message(Kind::Environment, "").already_reported().with_code(code))
}

/// Returns true if a key comes from standard input, whose file the program could read again.
fn uses_stdin(args: &ExecArgs) -> bool {
    let stdin = Source::Stdin.identity();
    stdin.is_some() && args.opening.keys.sources().any(|source| source.identity() == stdin)
}

/// Checks what makes OpenVINO write models, and that this process can start itself again.
fn check(args: &ExecArgs) -> Result<(), CommandError> {
    if let Some(&variable) = Environment::from_process().variables_that_write_models().first() {
        return Err(LocateError::WritesModels { variable }.into());
    }
    if args.opening.strict && args.no_confine {
        return Err(refused("the program would not be confined").hint("leave out --no-confine"));
    }
    if !is_own_program() {
        let error = CommandError::message(Kind::Unsupported, "exec works only in the program ovseal itself");
        return Err(error.hint("install the program: cargo install --path crates/ovseal-cli"));
    }
    Ok(())
}

/// Returns true if this process can start itself again: it runs the program, not the library in
/// another program such as Python.
pub(crate) fn is_own_program() -> bool {
    std::env::current_exe().is_ok_and(|path| path.file_name().is_some_and(|name| name == "ovseal"))
}

/// Creates the directory of the files.
fn place(via: &Via) -> Result<TempDir, CommandError> {
    let parent = match via {
        Via::Directory(path) => {
            via::check_memory(path)?;
            // The program may change its current directory.
            std::path::absolute(path).unwrap_or_else(|_| path.clone())
        }
        _ => via::directory(),
    };
    let place = tempfile::Builder::new().prefix("ovseal-").tempdir_in(&parent);
    place.map_err(|error| crate::errors::cannot_write(&parent.display(), error))
}

fn confine(args: &ExecArgs, launcher: &Launcher, output: &mut Output) -> Result<(), CommandError> {
    if args.no_confine {
        output.warning("the program is not confined: it may write plaintext to a disk");
        return Ok(());
    }
    Ok(launcher.confine()?)
}
