//! The process that serves: it starts the child, and gives the orders.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};

use super::orders::{Answer, Connection, Order};

/// The program to start, and what it may write.
pub struct LaunchOptions {
    /// The words before the launcher's own arguments, for example a hidden subcommand.
    pub subcommand: Vec<OsString>,
    /// The directory in which the program finds the files. It must exist.
    pub directory: PathBuf,
    /// Directories in which the program may write although it is confined.
    pub writable: Vec<PathBuf>,
    /// The program and its arguments.
    pub program: Vec<OsString>,
    /// Standard input is empty for the program, because a key came from there.
    pub without_input: bool,
    /// Further variables of its environment.
    pub variables: Vec<(OsString, OsString)>,
}

/// A child that waits for orders. Dropping it ends the child.
pub struct Launcher {
    child: Child,
    connection: Connection,
}

/// The error of an order that the child could not follow.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The child cannot be started, or has ended.
    #[error("cannot start the launcher")]
    Start(#[source] io::Error),
    /// Namespaces are not allowed here.
    #[error("a private mount namespace is not allowed here")]
    Namespaces(#[source] io::Error),
    /// Memory, or the device for file systems in user space, cannot be mounted.
    #[error("cannot mount in the private namespace")]
    Mount(#[source] io::Error),
    /// The program cannot be confined.
    #[error("cannot deny writing to the program")]
    Confine(#[source] io::Error),
    /// The program cannot be started.
    #[error("cannot start {program}")]
    Program {
        /// The program's name.
        program: String,
        /// The cause.
        source: io::Error,
    },
}

impl Launcher {
    /// Starts the child: this program again, with the subcommand and the launcher's arguments.
    ///
    /// Call this before the process starts threads. The subcommand must call
    /// [`become_program`](super::become_program).
    ///
    /// # Errors
    /// [`LaunchError::Start`].
    pub fn start(options: &LaunchOptions) -> Result<Self, LaunchError> {
        let (connection, inherited) = Connection::pair().map_err(LaunchError::Start)?;
        let number = inherited.as_fd().as_raw_fd().to_string();
        let mut command = Command::new("/proc/self/exe");
        command.arg0("ovseal").args(&options.subcommand).arg(number).arg(&options.directory);
        command.arg(options.writable.len().to_string()).args(&options.writable).args(&options.program);
        command.envs(options.variables.iter().map(|(name, value)| (name, value)));
        if options.without_input {
            command.stdin(Stdio::null());
        }
        // Only this child inherits it: there is no other thread that starts a program.
        fcntl_setfd(&inherited, FdFlags::empty()).map_err(|error| LaunchError::Start(error.into()))?;
        let child = command.spawn().map_err(LaunchError::Start)?;
        Ok(Self { child, connection })
    }

    /// Lets the child enter a private mount namespace.
    ///
    /// # Errors
    /// [`LaunchError::Namespaces`] if the system forbids it.
    pub fn enter_namespaces(&self) -> Result<(), LaunchError> {
        self.order(Order::EnterNamespaces, LaunchError::Namespaces).map(drop)
    }

    /// Lets the child mount memory at the directory, and returns a writable view of it.
    ///
    /// # Errors
    /// [`LaunchError::Mount`].
    pub fn mount_memory(&self) -> Result<OwnedFd, LaunchError> {
        self.mounted(Order::MountMemory)
    }

    /// Lets the child mount the device for file systems in user space, and returns it. If it is
    /// `shared`, the kernel lets in other users of the namespace.
    ///
    /// # Errors
    /// [`LaunchError::Mount`].
    pub fn mount_fuse(&self, shared: bool) -> Result<OwnedFd, LaunchError> {
        self.mounted(Order::MountFuse { shared })
    }

    /// Makes the mounted memory read-only for the program.
    ///
    /// # Errors
    /// [`LaunchError::Mount`].
    pub fn make_read_only(&self) -> Result<(), LaunchError> {
        self.order(Order::MakeReadOnly, LaunchError::Mount).map(drop)
    }

    /// Keeps a file open for the program, and returns a path that leads to it there.
    ///
    /// A confined program cannot reach files of this process, but those of its own processes.
    ///
    /// # Errors
    /// Fails if the child has too many open files.
    pub fn keep(&self, file: &File) -> io::Result<PathBuf> {
        match self.answer(Order::KeepFile, Some(file.as_fd())).map_err(io::Error::other)? {
            Answer::Kept(number) => Ok(format!("/proc/{}/fd/{number}", self.process()).into()),
            Answer::Failed(error) => Err(error.into()),
            Answer::Done(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Denies writing to the child, except where it is allowed.
    ///
    /// # Errors
    /// [`LaunchError::Confine`].
    pub fn confine(&self) -> Result<(), LaunchError> {
        self.order(Order::Confine, LaunchError::Confine).map(drop)
    }

    /// Lets the child become the program.
    ///
    /// # Errors
    /// [`LaunchError::Program`].
    pub fn run(&self, program: &Path) -> Result<(), LaunchError> {
        let name = program.display().to_string();
        let failed = |source| LaunchError::Program { program: name, source };
        self.connection.send_order(Order::Run, None).map_err(LaunchError::Start)?;
        match self.connection.receive_answer() {
            // The program's start has closed the socket.
            Ok(None) => Ok(()),
            Ok(Some(Answer::Failed(error))) => Err(failed(error.into())),
            Ok(Some(Answer::Done(_) | Answer::Kept(_))) => Err(failed(io::ErrorKind::InvalidData.into())),
            Err(error) => Err(failed(error)),
        }
    }

    /// Returns the child's process number.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the child, unless it has ended.
    pub fn signal(&self, signal: i32) {
        // Its number is not given to others until it is waited for, which only `ended` does.
        let signal = Signal::from_named_raw(signal);
        let _ = signal.map(|signal| kill_process(Pid::from_child(&self.child), signal));
    }

    /// Returns the status of a child that has ended.
    ///
    /// # Errors
    /// Fails if the status was already returned to others.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    fn mounted(&self, order: Order) -> Result<OwnedFd, LaunchError> {
        let nothing = || LaunchError::Mount(io::ErrorKind::InvalidData.into());
        self.order(order, LaunchError::Mount)?.ok_or_else(nothing)
    }

    fn order(
        &self,
        order: Order,
        failed: impl Fn(io::Error) -> LaunchError,
    ) -> Result<Option<OwnedFd>, LaunchError> {
        match self.answer(order, None)? {
            Answer::Done(descriptor) => Ok(descriptor),
            Answer::Kept(_) => Err(failed(io::ErrorKind::InvalidData.into())),
            Answer::Failed(error) => Err(failed(error.into())),
        }
    }

    fn answer(&self, order: Order, file: Option<BorrowedFd<'_>>) -> Result<Answer, LaunchError> {
        self.connection.send_order(order, file).map_err(LaunchError::Start)?;
        let answer = self.connection.receive_answer().map_err(LaunchError::Start)?;
        answer.ok_or_else(|| LaunchError::Start(Errno::PIPE.into()))
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl std::fmt::Debug for Launcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Launcher({})", self.process())
    }
}
