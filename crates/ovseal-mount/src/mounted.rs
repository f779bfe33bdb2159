//! A mounted tree.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fuser::{BackgroundSession, Config, MountOption, Session, SessionACL};

use crate::access::Access;
use crate::files::{Failure, Files, Report};
use crate::pages::{self, Pages};
use crate::service::Service;
use crate::tree::Tree;

/// Settings of a mount.
pub struct MountOptions {
    forget_after: Duration,
    ahead: bool,
    users: Vec<u32>,
    process: Option<u32>,
    report: Report,
}

impl MountOptions {
    /// Creates settings for the owner only: files are decrypted ahead, and forgotten 30 seconds
    /// after they were closed.
    ///
    /// `report` is called with the first failure, on any thread. Later failures only reach the
    /// program that reads.
    pub fn new(report: impl Fn(&Failure) + Send + Sync + 'static) -> Self {
        let forget_after = Duration::from_secs(30);
        Self { forget_after, ahead: true, users: Vec::new(), process: None, report: Box::new(report) }
    }

    /// Sets how long the kernel keeps the plaintext of a file after it was closed.
    #[must_use]
    pub fn forget_after(self, time: Duration) -> Self {
        Self { forget_after: time, ..self }
    }

    /// Sets whether an opened file is decrypted before it is read.
    #[must_use]
    pub fn ahead(self, ahead: bool) -> Self {
        Self { ahead, ..self }
    }

    /// Lets further users open files, by number. Root is not among them unless it is listed.
    #[must_use]
    pub fn users(self, users: Vec<u32>) -> Self {
        Self { users, ..self }
    }

    /// Lets only processes in the mount namespace of `process` open files, instead of users.
    #[must_use]
    pub fn namespace_of(self, process: u32) -> Self {
        Self { process: Some(process), ..self }
    }
}

/// A tree that is served to the kernel. Dropping it unmounts it.
///
/// Programs that have mapped a file keep the pages that they have read. Reading others raises
/// `SIGBUS` in them, and `read` fails.
pub struct Mounted {
    session: Option<BackgroundSession>,
    /// Ended before the session, whose device it uses.
    pages: Option<Pages>,
    shared: Arc<pages::Shared>,
    files: Arc<Files>,
    directory: Option<PathBuf>,
}

/// The error for a tree that cannot be mounted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    /// The directory cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The path is not a directory.
    #[error("{} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// The directory has files, which the mount would hide.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// The directory belongs to another user.
    #[error("{} belongs to another user", .0.display())]
    NotOurs(PathBuf),
    /// The kernel's device for file systems in user space cannot be opened.
    #[error("cannot open /dev/fuse")]
    NoDevice(#[source] io::Error),
    /// The kernel, or the helper `fusermount3`, does not mount.
    #[error("cannot mount at {}", path.display())]
    Mount {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The kernel does not answer on a device that was mounted elsewhere.
    #[error("cannot serve the file system")]
    Serve(#[source] io::Error),
}

impl Mounted {
    /// Mounts a tree at an empty directory of this user.
    ///
    /// A user without privilege needs the helper `fusermount3`. Other users than the owner need
    /// root, or `user_allow_other` in `/etc/fuse.conf`.
    ///
    /// # Errors
    /// [`MountError`].
    pub fn at(tree: Tree, directory: &Path, options: MountOptions) -> Result<Self, MountError> {
        check_directory(directory)?;
        check_device()?;
        let (service, parts) = assemble(tree, options);
        let failed = |error| MountError::Mount { path: directory.to_owned(), source: in_one_line(error) };
        let session = Session::new(service, directory, &parts.config).map_err(failed)?;
        parts.start(session, Some(directory)).map_err(failed)
    }

    /// Serves a tree on a device of `/dev/fuse` that was mounted by another process.
    ///
    /// # Errors
    /// [`MountError::Serve`].
    pub fn on(tree: Tree, device: OwnedFd, options: MountOptions) -> Result<Self, MountError> {
        let (service, parts) = assemble(tree, options);
        let (acl, config) = (parts.config.acl, parts.config.clone());
        let session = Session::from_fd(service, device, acl, config).map_err(MountError::Serve)?;
        parts.start(session, None).map_err(MountError::Serve)
    }

    /// Drops the plaintext in the kernel's cache and in this process.
    ///
    /// Open files are decrypted again when they are read.
    pub fn drop_pages(&self) {
        self.shared.drop_all();
    }

    /// Refuses to open files from now on.
    pub fn refuse_opens(&self) {
        self.files.refuse_opens();
    }

    /// Returns the number of open files, counting a file once for each time it was opened.
    #[must_use]
    pub fn open_count(&self) -> u64 {
        self.files.open_count()
    }

    /// Returns true if it was unmounted by others.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.session.as_ref().is_none_or(|session| session.guard.is_finished())
    }

    /// Unmounts, even if files are open, and returns the first failure of a chunk.
    ///
    /// # Errors
    /// [`MountError::Mount`] if the directory cannot be unmounted.
    pub fn unmount(mut self) -> Result<Option<Failure>, MountError> {
        self.end()?;
        Ok(self.files.take_failure())
    }

    fn end(&mut self) -> Result<(), MountError> {
        drop(self.pages.take());
        let Some(session) = self.session.take() else { return Ok(()) };
        let Some(directory) = &self.directory else {
            // The mount ends with the process that made it.
            return Ok(());
        };
        if session.guard.is_finished() {
            return Ok(());
        }
        let ended = unmount(directory);
        self.files.forget(None);
        for _ in 0..PATIENCE {
            if session.guard.is_finished() || self.files.open_count() > 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if !session.guard.is_finished() {
            // Files are open, and its threads answer until these are closed or the process ends.
            // Dropping it would unmount what others may have mounted here since.
            std::mem::forget(session);
        }
        ended.map_err(|source| MountError::Mount { path: directory.clone(), source })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Nothing else can be done here: the kernel ends the mount with the process.
        let _ = self.end();
    }
}

impl std::fmt::Debug for Mounted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mounted({:?})", self.directory)
    }
}

/// The parts of a mount besides its session.
struct Parts {
    files: Arc<Files>,
    shared: Arc<pages::Shared>,
    config: Config,
}

impl Parts {
    fn start(self, session: Session<Service>, directory: Option<&Path>) -> io::Result<Mounted> {
        let pages = Pages::start(Arc::clone(&self.shared), Arc::clone(&self.files), session.notifier())?;
        let session = session.spawn()?;
        let directory = directory.map(Path::to_owned);
        let (shared, files) = (self.shared, self.files);
        Ok(Mounted { session: Some(session), pages: Some(pages), shared, files, directory })
    }
}

fn assemble(tree: Tree, options: MountOptions) -> (Service, Parts) {
    let access = options.process.map_or_else(|| Access::new(&options.users), Access::of_namespace);
    let config = config(&access);
    let files = Arc::new(Files::new(tree, options.report));
    let shared = Arc::new(pages::Shared::new(options.ahead, options.forget_after));
    let service = Service::new(Arc::clone(&files), Arc::clone(&shared), access);
    (service, Parts { files, shared, config })
}

/// Returns the library's settings. `auto_unmount` is not among them: it would let in all users.
fn config(access: &Access) -> Config {
    let mut config = Config::default();
    config.mount_options = vec![
        MountOption::FSName("ovseal".to_owned()),
        MountOption::Subtype("ovseal".to_owned()),
        MountOption::RO,
        MountOption::NoSuid,
        MountOption::NoDev,
        MountOption::NoExec,
        MountOption::DefaultPermissions,
    ];
    config.acl = if access.is_shared() { SessionACL::All } else { SessionACL::Owner };
    config.n_threads = Some(THREADS);
    config
}

fn check_directory(path: &Path) -> Result<(), MountError> {
    let failed = |source| MountError::Read { path: path.to_owned(), source };
    let facts = path.metadata().map_err(failed)?;
    if !facts.is_dir() {
        return Err(MountError::NotADirectory(path.to_owned()));
    }
    if facts.uid() != rustix::process::geteuid().as_raw() {
        return Err(MountError::NotOurs(path.to_owned()));
    }
    if path.read_dir().map_err(failed)?.next().is_some() {
        return Err(MountError::NotEmpty(path.to_owned()));
    }
    Ok(())
}

fn check_device() -> Result<(), MountError> {
    let device = std::fs::File::options().read(true).write(true).open("/dev/fuse");
    device.map(drop).map_err(MountError::NoDevice)
}

/// Returns an error of the helper without the end of its line.
fn in_one_line(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::Other if error.raw_os_error().is_none() => {
            io::Error::other(error.to_string().trim_end().replace('\n', "; "))
        }
        _ => error,
    }
}

/// Unmounts a directory, by the kernel or the helper. If files are open, the mount disappears now,
/// and the files when they are closed.
fn unmount(directory: &Path) -> io::Result<()> {
    use rustix::io::Errno;
    use rustix::mount::UnmountFlags;
    let by_kernel = |flags| rustix::mount::unmount(directory, flags);
    let unmounted = match by_kernel(UnmountFlags::empty()) {
        Err(Errno::BUSY) => by_kernel(UnmountFlags::DETACH),
        unmounted => unmounted,
    };
    match unmounted {
        Err(Errno::PERM) => {
            let mut helper = std::process::Command::new("fusermount3");
            let status = helper.args(["-u", "-z", "-q", "--"]).arg(directory).status()?;
            if status.success() { Ok(()) } else { Err(io::ErrorKind::ResourceBusy.into()) }
        }
        unmounted => Ok(unmounted?),
    }
}

/// The longest wait for the end of the threads, in steps of 5 ms.
const PATIENCE: u32 = 400;

/// The threads that answer requests. While one decrypts, others send what is in the cache.
const THREADS: usize = 3;
