//! Doubles of the files by which a kernel or a library OS gives evidence, for machines without any of that hardware.

pub(crate) mod attribute_files;
pub(crate) mod gramine;
pub(crate) mod tsm;

use std::path::Path;

use attribute_files::{AttributeFiles, Files};
use fuser::{BackgroundSession, Config, MountOption};
use tempfile::TempDir;

/// Mounted files, which go when this is dropped.
pub(crate) struct Mounted {
    // Unmounted before its folder is removed.
    _session: BackgroundSession,
    folder: TempDir,
}

impl Mounted {
    pub(crate) fn new(files: impl Files) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("ovseal-test".into())];
        config.n_threads = Some(4);
        let session = fuser::spawn_mount(AttributeFiles::new(files), folder.path(), &config);
        Self { _session: session.expect("FUSE: /dev/fuse and the right to mount are needed"), folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}
