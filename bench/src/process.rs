//! Starting processes, the memory of this one, and temporary directories.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::machine::{field, kilobytes};

/// Runs a command to its end, and returns its output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
    let output = command.output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let last = errors.trim().lines().last().unwrap_or("no message").to_owned();
        let program = command.get_program().display();
        return Err(format!("{program} ended with {}: {last}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Returns a command that starts this program again.
pub(crate) fn this_program(child: &str) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(child);
    Ok(command)
}

/// Returns a field of this process's status, in bytes.
pub(crate) fn status(name: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let value = field(&status, name).and_then(kilobytes);
    value.ok_or_else(|| format!("the kernel does not report {name}").into())
}

/// Returns the files in a directory, sorted by name.
pub(crate) fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.is_file());
    files.sort();
    Ok(files)
}

/// A directory, removed with its contents when this is dropped.
pub(crate) struct Temporary(PathBuf);

impl Temporary {
    /// Creates the directory, without the files that an interrupted run left in it.
    pub(crate) fn create(directory: PathBuf) -> Result<Self> {
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => fs::create_dir_all(&directory)?,
        }
        Ok(Self(directory))
    }
}

impl Deref for Temporary {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Files that cannot be removed are left behind, because there is nothing else to try.
        let _ = fs::remove_dir_all(&self.0);
    }
}
