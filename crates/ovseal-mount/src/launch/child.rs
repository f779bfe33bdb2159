//! The child: it follows orders, and then becomes the program.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, OpenTreeFlags};
use rustix::process::{DumpableBehavior, Signal, getegid, geteuid};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::confine;
use super::orders::{Answer, Connection, Order};

/// Follows the orders of [`Launcher`](super::Launcher), and becomes the program.
///
/// `arguments` are those that the launcher passed. This must be called while the process has one
/// thread. It returns an exit code, and only if the program cannot be started, or the launcher has
/// ended.
#[must_use]
pub fn become_program(arguments: Vec<OsString>) -> u8 {
    let Some(mut plan) = Plan::parse(arguments) else { return 2 };
    // Its files under /proc must be this user's, for the maps of a user namespace. It holds no
    // secret.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable);
    die_with_parent();
    if keep_from_program().is_err() {
        return 1;
    }
    while let Ok(Some((order, file))) = plan.connection.receive_order() {
        let answer = plan.follow(order, file).unwrap_or_else(Answer::Failed);
        if plan.connection.send_answer(&answer).is_err() {
            break;
        }
    }
    1
}

/// The arguments of a child.
struct Plan {
    connection: Connection,
    directory: PathBuf,
    writable: Vec<PathBuf>,
    command: Command,
}

impl Plan {
    /// Parses: number of the socket, directory, number of writable directories, these, program,
    /// arguments.
    fn parse(arguments: Vec<OsString>) -> Option<Self> {
        let mut arguments = arguments.into_iter();
        let socket: i32 = arguments.next()?.to_str()?.parse().ok().filter(|number| *number > 2)?;
        let directory = PathBuf::from(arguments.next()?);
        let count: usize = arguments.next()?.to_str()?.parse().ok()?;
        let writable: Vec<PathBuf> = arguments.by_ref().take(count).map(PathBuf::from).collect();
        let mut command = Command::new(arguments.next()?);
        command.args(arguments);
        let connection = Connection::new(inherited(socket).ok()?);
        Some(Self { connection, directory, writable, command })
    }

    fn follow(&mut self, order: Order, file: Option<OwnedFd>) -> Result<Answer, Errno> {
        let done = |()| Answer::Done(None);
        match order {
            Order::EnterNamespaces => enter_namespaces().map(done),
            Order::MountMemory => mount_memory(&self.directory).map(|view| Answer::Done(Some(view))),
            Order::MountFuse { shared } => {
                mount_fuse(&self.directory, shared).map(|device| Answer::Done(Some(device)))
            }
            Order::MakeReadOnly => {
                let flags = MountFlags::BIND | MountFlags::RDONLY | HARMLESS;
                rustix::mount::mount_remount(&self.directory, flags, c"").map(done)
            }
            Order::KeepFile => {
                // Unlike what was received, the duplicate stays open in the program.
                let kept = rustix::io::dup(file.ok_or(Errno::BADF)?)?;
                Ok(Answer::Kept(kept.into_raw_fd()))
            }
            Order::Confine => confine::deny_writing(&self.writable).map(done),
            Order::Run => Err(self.run()),
        }
    }

    /// Starts the program, and returns only if that fails.
    fn run(&mut self) -> Errno {
        if let Err(error) = confine::forbid_dumps() {
            return error;
        }
        die_with_parent();
        // The launcher may have ended before that call.
        if self.connection.is_closed() {
            return Errno::PIPE;
        }
        let error = self.command.exec();
        Errno::from_io_error(&error).unwrap_or(Errno::INVAL)
    }
}

/// Ends this process when the one that serves it ends. A change of credentials undoes this.
fn die_with_parent() {
    // Without this, the program outlives its files, and gets errors when it reads them.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
}

/// Closes all descriptors but those of standard input and output when a program is started. A key
/// may have come from one of them.
fn keep_from_program() -> io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let number: i32 = entry?.file_name().to_string_lossy().parse().map_err(io::Error::other)?;
        if number > 2 {
            // SAFETY: the descriptor is used for this one call, and this process has no other
            // thread that could close it.
            let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
            rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC)?;
        }
    }
    Ok(())
}

/// Takes over an inherited descriptor.
///
/// # Errors
/// `EBADF` if it is not open.
fn inherited(number: i32) -> io::Result<OwnedFd> {
    // The original stays open until the program is started. A single closed end of the launcher is
    // enough for this process to notice its end.
    let duplicate = ovseal_memory::inherited_descriptor(number)?;
    Ok(duplicate.into())
}

/// Enters a mount namespace. Without the privilege, it also enters a user namespace, in which the
/// user stays the same.
fn enter_namespaces() -> Result<(), Errno> {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    if !geteuid().is_root() || unshare(UnshareFlags::NEWNS).is_err() {
        unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)?;
        let write = |name: &str, text: String| {
            std::fs::write(format!("/proc/self/{name}"), text)
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
        };
        write("setgroups", "deny".to_owned())?;
        write("uid_map", format!("{user} {user} 1"))?;
        write("gid_map", format!("{group} {group} 1"))?;
        die_with_parent();
    }
    // Mounts made here must not appear in other namespaces.
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
}

fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: the table of descriptors is not unshared, which is the only danger of this call.
    unsafe { unshare_unsafe(flags) }
}

/// Mounts memory that is never swapped out, and returns a second view of it that stays writable.
fn mount_memory(directory: &Path) -> Result<OwnedFd, Errno> {
    rustix::mount::mount("ovseal", directory, "ramfs", HARMLESS, c"mode=0700")?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    rustix::mount::open_tree(CWD, directory, flags)
}

/// Mounts the device of file systems in user space, and returns it.
fn mount_fuse(directory: &Path, shared: bool) -> Result<OwnedFd, Errno> {
    let device = File::options().read(true).write(true).open("/dev/fuse");
    let device = device.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    let others = if shared { ",allow_other" } else { "" };
    let number = device.as_fd().as_raw_fd();
    let options =
        format!("fd={number},rootmode=40000,user_id={user},group_id={group},default_permissions{others}\0");
    let options = std::ffi::CStr::from_bytes_with_nul(options.as_bytes()).map_err(|_| Errno::INVAL)?;
    let flags = MountFlags::RDONLY | HARMLESS;
    rustix::mount::mount("ovseal", directory, "fuse.ovseal", flags, options)?;
    Ok(device.into())
}

/// The flags for files of a model: none is a program or a device.
const HARMLESS: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_no_launcher_are_refused() {
        for arguments in [
            &[][..],
            &["-1", "/d", "0", "true"],
            &["0", "/d", "0", "true"],
            &["x", "/d", "0", "true"],
            &["9", "/d"],
            &["9", "/d", "0"],
            &["9", "/d", "2", "/a", "/b"],
        ] {
            let arguments = arguments.iter().map(OsString::from).collect();
            assert!(Plan::parse(arguments).is_none());
        }
    }
}
