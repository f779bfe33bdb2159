//! Doubles of the kernel's and a library OS's evidence files, for machines without the hardware.

pub(crate) mod attribute_files;
pub(crate) mod gramine;
pub(crate) mod tsm;

use std::path::Path;

use attribute_files::{AttributeFiles, Files};
use fuser::{BackgroundSession, Config, MountOption};
use tempfile::TempDir;

/// Mounted files, unmounted on drop.
pub(crate) struct Mounted {
    // Unmounted before the directory is removed.
    _session: BackgroundSession,
    directory: TempDir,
}

impl Mounted {
    pub(crate) fn new(files: impl Files) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("ovseal-test".into())];
        config.n_threads = Some(4);
        let session = fuser::spawn_mount(AttributeFiles::new(files), directory.path(), &config);
        Self { _session: session.expect("FUSE requires /dev/fuse and the right to mount"), directory }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}
