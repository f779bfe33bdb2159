//! `ovseal man`: a man page for each command, for packagers.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::errors::{CommandError, cannot_write};
use crate::reference;
use crate::ui::{NewFile, PUBLIC};

/// Write a man page for each command into a directory
#[derive(Debug, Args)]
#[command(hide = true)]
pub(crate) struct ManArgs {
    /// The directory for the pages; it must exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(super) fn run(args: &ManArgs) -> Result<(), CommandError> {
    reference::commands().into_iter().try_for_each(|(name, command)| write(&args.directory, &name, command))
}

fn write(directory: &Path, name: &str, command: clap::Command) -> Result<(), CommandError> {
    let name = name.replace(' ', "-");
    let path = directory.join(format!("{name}.1"));
    let mut page = Vec::new();
    let source = concat!("ovseal ", env!("CARGO_PKG_VERSION"));
    let man = clap_mangen::Man::new(command).title(name.to_uppercase()).source(source);
    man.render(&mut page).map_err(|error| cannot_write(&path.display(), error))?;
    NewFile::write(path, PUBLIC, &[&page])?.commit()
}
