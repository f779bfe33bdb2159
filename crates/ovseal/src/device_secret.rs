//! The secret of a device: 32 random bytes in a separate file.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use ovseal_files::AtomicFile;
use ovseal_format::error_kind::ErrorKind;
use ovseal_format::random::RandomnessError;
use ovseal_format::recipient::KeyFile;
use ovseal_memory::{Exposed, Secret};

const LENGTH: u64 = 32;

/// A secret that never leaves its device. The keys of the device's own cache depend on it.
///
/// The secret opens nothing on its own. Keep its file away from the models and the cache, so that a
/// copy of them does not include it.
#[derive(Debug)]
pub struct DeviceSecret(KeyFile);

/// The error for a device secret that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceSecretError {
    /// Other users may read or modify the file.
    #[error("{} has mode {mode:o}; only its owner may have access (600)", path.display())]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file belongs to another user.
    #[error("{} belongs to another user", path.display())]
    Owner {
        /// The file.
        path: PathBuf,
    },
    /// The file has the wrong length.
    #[error("{} is not exactly {LENGTH} bytes long", path.display())]
    Length {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file, or its directory, cannot be created.
    #[error("cannot create {}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file would be inside the cache that it protects.
    #[error("the device's secret {} is inside the cache directory", path.display())]
    Within {
        /// The file.
        path: PathBuf,
    },
    /// The operating system provides no randomness.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
}

impl DeviceSecretError {
    /// Returns the kind of the error, which says whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Within { .. } => ErrorKind::Usage,
            _ => ErrorKind::Environment,
        }
    }
}

impl DeviceSecret {
    /// Reads the secret at `path`, or creates it if nothing is there.
    ///
    /// A new file has mode 0600, and new directories have mode 0700. An existing file is never
    /// replaced. Processes that create it at the same time get the same secret.
    ///
    /// # Errors
    /// [`DeviceSecretError`].
    pub fn obtain(path: &Path) -> Result<Self, DeviceSecretError> {
        match Self::read(path) {
            Err(DeviceSecretError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            read => return read,
        }
        create(path)?;
        Self::read(path)
    }

    /// Obtains the secret for a cache in the directory `cache`, which must not contain it.
    ///
    /// Otherwise a copy of the cache would include the secret.
    ///
    /// # Errors
    /// [`DeviceSecretError::Within`] if `path` leads into that directory, directly or through
    /// symbolic links; otherwise, any error of [`obtain`](Self::obtain).
    pub fn obtain_outside(cache: &Path, path: &Path) -> Result<Self, DeviceSecretError> {
        if real(path).starts_with(real(cache)) {
            return Err(DeviceSecretError::Within { path: path.into() });
        }
        Self::obtain(path)
    }

    fn read(path: &Path) -> Result<Self, DeviceSecretError> {
        let failed = |source| DeviceSecretError::Read { path: path.into(), source };
        let file = ovseal_files::open(path).map_err(failed)?;
        check(path, &file)?;
        let secret = KeyFile::read_from(&mut file.take(LENGTH + 1));
        secret.map(Self).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => DeviceSecretError::Length { path: path.into() },
            _ => failed(error),
        })
    }

    pub(crate) fn expose(&self) -> Exposed<'_, Secret<32>> {
        self.0.expose()
    }
}

/// Returns the path without symbolic links and `..`.
///
/// Components that do not exist yet are treated as plain directories.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let resolved = |ancestor: &Path| {
        let (real, rest) = (ancestor.canonicalize().ok()?, path.strip_prefix(ancestor).ok()?);
        let climbs = rest.components().any(|component| component == Component::ParentDir);
        Some(if climbs { self::real(&rest.components().fold(real, step)) } else { real.join(rest) })
    };
    path.ancestors().find_map(resolved).unwrap_or_else(|| path.clone())
}

fn step(mut path: PathBuf, component: Component<'_>) -> PathBuf {
    if component == Component::ParentDir {
        path.pop();
    } else {
        path.push(component);
    }
    path
}

/// Fails unless only this user has access to the open file.
fn check(path: &Path, file: &File) -> Result<(), DeviceSecretError> {
    let metadata = file.metadata().map_err(|source| DeviceSecretError::Read { path: path.into(), source })?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(DeviceSecretError::Owner { path: path.into() });
    }
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 { Err(DeviceSecretError::Permissions { path: path.into(), mode }) } else { Ok(()) }
}

/// Creates the file, unless another process has just created it.
fn create(path: &Path) -> Result<(), DeviceSecretError> {
    let secret = KeyFile::generate()?;
    let write = || -> io::Result<()> {
        if let Some(directory) = path.parent() {
            ovseal_files::create_private_directory(directory)?;
        }
        let file = AtomicFile::with_mode(path, 0o600)?;
        file.file().write_all(&*secret.expose())?;
        file.commit(false)
    };
    match write() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        written => written.map_err(|source| DeviceSecretError::Create { path: path.into(), source }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_secret_is_created_once_and_only_its_owner_has_access() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/ovseal/device.secret");
        let first = DeviceSecret::obtain(&path).unwrap();
        assert_eq!(*DeviceSecret::obtain(&path).unwrap().expose(), *first.expose());
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_ne!(*first.expose(), [0; 32]);
    }

    #[test]
    fn a_secret_inside_the_cache_is_rejected_and_not_created() {
        let directory = tempfile::tempdir().unwrap();
        let [cache, link] = ["cache", "link"].map(|name| directory.path().join(name));
        std::fs::create_dir(&cache).unwrap();
        std::os::unix::fs::symlink(&cache, &link).unwrap();
        let climbing = directory.path().join("none/../link/secret");
        for (cache, path) in [
            (&cache, cache.join("secret")),
            (&cache, link.join("a/secret")),
            (&link, cache.join("secret")),
            (&cache, climbing),
        ] {
            let error = DeviceSecret::obtain_outside(cache, &path).unwrap_err();
            assert!(matches!(error, DeviceSecretError::Within { .. }), "{error}");
            assert_eq!(error.kind(), ErrorKind::Usage);
        }
        assert_eq!(cache.read_dir().unwrap().count(), 0);
        assert!(DeviceSecret::obtain_outside(&cache, &directory.path().join("cache-secret")).is_ok());
        // Neither the cache nor the secret's directory exists yet.
        let [cache, path] = ["new", "new/state/secret"].map(|name| directory.path().join(name));
        assert!(DeviceSecret::obtain_outside(&cache, &path).is_err() && !cache.exists());
    }

    #[test]
    fn threads_that_create_it_at_once_get_the_same_secret() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/device.secret");
        let obtain = || *DeviceSecret::obtain(&path).unwrap().expose();
        let secrets: Vec<[u8; 32]> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(obtain)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
        assert_eq!(path.parent().unwrap().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_file_of_another_length_or_mode_is_rejected_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("device.secret");
        for length in [0, 31, 33, 4096] {
            std::fs::write(&path, vec![1; length]).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            let error = DeviceSecret::obtain(&path).unwrap_err();
            assert!(matches!(error, DeviceSecretError::Length { .. }), "{length}: {error}");
        }
        std::fs::write(&path, [1; 32]).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = DeviceSecret::obtain(&path).unwrap_err();
            assert!(matches!(error, DeviceSecretError::Permissions { mode: found, .. } if found == mode));
        }
        assert_eq!(std::fs::read(&path).unwrap(), [1; 32]);
    }

    #[test]
    fn a_directory_that_cannot_be_created_is_reported() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), "").unwrap();
        let error = DeviceSecret::obtain(&directory.path().join("file/device.secret")).unwrap_err();
        let read = matches!(&error, DeviceSecretError::Read { source, .. } if source.kind() == io::ErrorKind::NotADirectory);
        assert!(read, "{error}");
    }
}
