//! The route by which a program gets its files: chosen, announced and ended.

use std::os::fd::OwnedFd;
use std::path::Path;

use ovseal_memory::{Swap, memory_room, protections};
use ovseal_mount::{
    Failure, FillError, FilledDirectory, LaunchError, Launcher, MemoryFiles, MountOptions, Mounted, Readers,
    Tree,
};
use rustix::fs::{CWD, Mode, OFlags};

use super::ExecArgs;
use super::via::Via;
use crate::errors::{CommandError, Kind};
use crate::keys::strict::refused;
use crate::ui::Output;
use crate::ui::text::bytes;

/// The files of a program. They are wiped when this is dropped.
pub(super) enum Serving {
    /// They are in memory.
    Memory(#[expect(dead_code, reason = "held until the program ends")] Held),
    /// They are decrypted when they are read.
    OnDemand(Mounted),
}

/// Plaintext in memory.
#[expect(dead_code, reason = "held until the program ends")]
pub(super) enum Held {
    Directory(FilledDirectory),
    Files(MemoryFiles),
}

impl Serving {
    /// Ends the files, and returns the program's exit code; 3 if a chunk was not authentic and the
    /// program has not noticed.
    pub(super) fn end(self, args: &ExecArgs, code: u8) -> Result<(), CommandError> {
        let failure = match self {
            Self::Memory(_) => None,
            Self::OnDemand(mounted) => mounted.unmount()?,
        };
        let ended = |kind, code| CommandError::message(kind, "").already_reported().with_code(code);
        match (code, failure) {
            (0, Some(failure)) => Err(args.containers.failure(&failure).already_reported()),
            (0, None) => Ok(()),
            (code, _) => Err(ended(Kind::Environment, code)),
        }
    }
}

/// Makes the files of a tree visible to the program.
pub(super) fn serve(
    args: &ExecArgs,
    launcher: &Launcher,
    directory: &Path,
    tree: Tree,
    output: &mut Output,
) -> Result<Serving, CommandError> {
    let route = Route { args, launcher, directory };
    match &args.via {
        Via::Ramfs => {
            check_room(tree.length(), memory_room())?;
            launcher.enter_namespaces()?;
            route.ramfs(&tree, output)
        }
        Via::Fuse => match launcher.enter_namespaces() {
            Ok(()) => route.fuse(tree, output),
            Err(error) => route.fuse_for_all(tree, error, output),
        },
        Via::Memfd => route.memfd(&tree, output),
        Via::Directory(path) => route.provided(path, &tree, output),
        Via::Auto => match launcher.enter_namespaces() {
            // What is unknown might be too little.
            Ok(()) if memory_room().is_some_and(|room| fits(tree.length(), room)) => {
                route.ramfs(&tree, output)
            }
            Ok(()) => route.fuse(tree, output),
            Err(error) => {
                let why = CommandError::from(error).chain();
                refuse_if_strict(args, &why)?;
                output.warning(&format!("{why}: using memory files, which other programs of yours can read"));
                route.memfd(&tree, output)
            }
        },
    }
}

struct Route<'r> {
    args: &'r ExecArgs,
    launcher: &'r Launcher,
    directory: &'r Path,
}

impl Route<'_> {
    fn ramfs(&self, tree: &Tree, output: &mut Output) -> Result<Serving, CommandError> {
        let view = self.launcher.mount_memory()?;
        let filled = self.fill(view, tree, readers())?;
        self.launcher.make_read_only()?;
        output.note(&format!("{} in private memory (ramfs)", bytes(tree.length())));
        Ok(Serving::Memory(Held::Directory(filled)))
    }

    fn fuse(&self, tree: Tree, output: &mut Output) -> Result<Serving, CommandError> {
        let device = self.launcher.mount_fuse(rustix::process::geteuid().is_root())?;
        output.note(&format!("{} decrypted when read, in a private namespace (fuse)", bytes(tree.length())));
        let options = self.options().namespace_of(self.launcher.process());
        Ok(Serving::OnDemand(Mounted::on(tree, device, options)?))
    }

    /// Mounts with the helper, where no namespace is allowed.
    fn fuse_for_all(
        &self,
        tree: Tree,
        error: LaunchError,
        output: &mut Output,
    ) -> Result<Serving, CommandError> {
        let why = CommandError::from(error).chain();
        refuse_if_strict(self.args, &why)?;
        let mounted = Mounted::at(tree, self.directory, self.options());
        let mounted = mounted.map_err(|error| CommandError::from(error).hint(why.clone()))?;
        output.warning(&format!("{why}: other programs of yours can read the files"));
        Ok(Serving::OnDemand(mounted))
    }

    fn memfd(&self, tree: &Tree, output: &mut Output) -> Result<Serving, CommandError> {
        self.refuse_swap()?;
        let files = MemoryFiles::fill(tree).map_err(|error| self.not_filled(error))?;
        let link = files.link(self.directory, |file| self.launcher.keep(file));
        link.map_err(|error| self.not_filled(error))?;
        output.note(&format!("{} in memory files (memfd); they can be swapped", bytes(tree.length())));
        Ok(Serving::Memory(Held::Files(files)))
    }

    fn provided(&self, path: &Path, tree: &Tree, output: &mut Output) -> Result<Serving, CommandError> {
        self.refuse_swap()?;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(CWD, self.directory, flags, Mode::empty());
        let opened = opened.map_err(|error| crate::errors::cannot_write(&path.display(), error.into()))?;
        let filled = self.fill(opened, tree, Readers::Owner)?;
        output.note(&format!("{} in {}, which can be swapped", bytes(tree.length()), path.display()));
        Ok(Serving::Memory(Held::Directory(filled)))
    }

    fn fill(&self, root: OwnedFd, tree: &Tree, readers: Readers) -> Result<FilledDirectory, CommandError> {
        FilledDirectory::fill(root, tree, readers).map_err(|error| self.not_filled(error))
    }

    fn not_filled(&self, error: FillError) -> CommandError {
        match &error {
            FillError::Open { path, .. } => {
                let container = self.args.containers.of(path);
                CommandError::from(error).context(container)
            }
            _ => error.into(),
        }
    }

    fn options(&self) -> MountOptions {
        let containers = self.args.containers.clone();
        MountOptions::new(move |failure: &Failure| {
            Output::standard().finish(Err(containers.failure(failure)));
        })
    }

    fn refuse_swap(&self) -> Result<(), CommandError> {
        match protections().swap {
            Swap::Absent => Ok(()),
            _ => refuse_if_strict(self.args, "the files could be swapped to disk"),
        }
    }
}

/// Returns who may read files in a private namespace: everyone there if root may drop privileges.
fn readers() -> Readers {
    if rustix::process::geteuid().is_root() { Readers::All } else { Readers::Owner }
}

/// Returns true if a model leaves half of the available memory to the program.
fn fits(length: u64, room: u64) -> bool {
    length <= room / 2
}

/// Fails if a model does not fit into half of the available memory.
fn check_room(length: u64, room: Option<u64>) -> Result<(), CommandError> {
    let Some(room) = room.filter(|room| !fits(length, *room)) else { return Ok(()) };
    let (length, half) = (bytes(length), bytes(room / 2));
    let message = format!("the files need {length} of memory, more than half of what is available ({half})");
    Err(CommandError::message(Kind::Environment, message).hint("use --via fuse, which decrypts what is read"))
}

fn refuse_if_strict(args: &ExecArgs, why: &str) -> Result<(), CommandError> {
    if args.opening.strict {
        Err(refused(why).hint("ovseal doctor shows which routes work here"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_larger_than_half_of_the_memory_is_refused_and_fuse_is_named() {
        assert!(check_room(1 << 30, Some(2 << 30)).is_ok() && check_room(u64::MAX, None).is_ok());
        let error = check_room((1 << 30) + 1, Some(2 << 30)).unwrap_err();
        let message = "the files need 1.0 GiB of memory, more than half of what is available (1.0 GiB)";
        let lines: Vec<String> = error.lines().collect();
        let hint = "ovseal: hint: use --via fuse, which decrypts what is read";
        assert_eq!(lines, [format!("ovseal: error: {message}"), hint.to_owned()]);
        assert_eq!(error.code(), 1);
    }
}
