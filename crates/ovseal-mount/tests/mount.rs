//! Containers mounted by the kernel of this machine.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ovseal::{ChunkSize, ErrorKind, OpenError};
use ovseal_mount::{Failure, MountError, MountOptions, Mounted, Tree};
use ovseal_testkit::{Fixture, eventually, has_fuse, is_root, pattern};
use tempfile::TempDir;

const CHUNK: usize = 1 << 16;

/// A container that is mounted, with the failures reported so far.
struct Subject {
    fixture: Fixture,
    mounted: Option<Mounted>,
    directory: TempDir,
    reported: Arc<Mutex<Vec<String>>>,
}

impl Subject {
    fn new(files: &[(&str, &[u8])], change: impl FnOnce(MountOptions) -> MountOptions) -> Option<Self> {
        has_fuse().then(|| {
            let fixture = Fixture::new(files);
            fixture.seal(fixture.options().chunk_size(ChunkSize::from_log2(16).unwrap()));
            let reported = Arc::<Mutex<Vec<String>>>::default();
            let lines = Arc::clone(&reported);
            let options = MountOptions::new(move |failure: &Failure| {
                lines.lock().unwrap().push(failure.error.to_string())
            });
            let tree = Tree::of(&fixture.open().unwrap()).unwrap();
            let directory = tempfile::tempdir().unwrap();
            let mounted = Some(Mounted::at(tree, directory.path(), change(options)).unwrap());
            Self { fixture, mounted, directory, reported }
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn mounted(&self) -> &Mounted {
        self.mounted.as_ref().unwrap()
    }

    /// Changes a byte of the container, counted from its end.
    fn flip(&self, from_end: usize) {
        let container = File::options().read(true).write(true).open(self.fixture.container()).unwrap();
        let at = container.metadata().unwrap().len() - from_end as u64;
        let mut byte = [0];
        container.read_exact_at(&mut byte, at).unwrap();
        container.write_all_at(&[byte[0] ^ 1], at).unwrap();
    }

    fn unmount(mut self) -> Option<OpenError> {
        let failure = self.mounted.take().unwrap().unmount().unwrap();
        assert!(!is_mounted(self.directory.path()));
        failure.map(|failure| failure.error)
    }
}

fn is_mounted(path: &Path) -> bool {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    table.lines().any(|line| line.split(' ').nth(4) == path.to_str())
}

/// Returns the bytes of a file in the kernel's cache.
fn cached(path: &Path) -> u64 {
    let mut fincore = Command::new("fincore");
    fincore.args(["--bytes", "--noheadings", "--output", "RES"]).arg(path);
    let output = fincore.output().expect("fincore is part of util-linux");
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

#[test]
fn files_are_those_of_the_container() {
    let content = pattern(5 * CHUNK + 11);
    let files: [(&str, &[u8]); 3] = [("m.bin", &content), ("t/a/v.txt", b"words"), ("t/none", b"")];
    let Some(subject) = Subject::new(&files, |options| options) else { return };
    for (path, content) in files {
        assert_eq!(std::fs::read(subject.path(path)).unwrap(), content, "{path}");
        let facts = subject.path(path).metadata().unwrap();
        assert_eq!((facts.mode() & 0o7777, facts.len()), (0o400, content.len() as u64), "{path}");
    }
    let file = File::open(subject.path("m.bin")).unwrap();
    let mut bytes = vec![0; CHUNK];
    assert_eq!(file.read_at(&mut bytes, 5 * CHUNK as u64).unwrap(), 11);
    assert_eq!(file.read_at(&mut bytes, 1 << 62).unwrap(), 0, "beyond the end");
    let mut names: Vec<_> = std::fs::read_dir(subject.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["m.bin", "t"]);
    assert_eq!(subject.directory.path().metadata().unwrap().permissions().mode() & 0o7777, 0o500);
    drop(file);
    assert!(subject.unmount().is_none());
}

#[test]
fn nothing_can_be_written() {
    let Some(subject) = Subject::new(&[("m.bin", b"1")], |options| options) else { return };
    for result in [
        File::options().write(true).open(subject.path("m.bin")).map(drop),
        File::create(subject.path("new")).map(drop),
        std::fs::create_dir(subject.path("new")),
        std::fs::remove_file(subject.path("m.bin")),
        std::fs::rename(subject.path("m.bin"), subject.path("n.bin")),
    ] {
        assert_eq!(result.unwrap_err().kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    }
}

#[test]
fn a_second_load_needs_no_decryption_and_the_last_close_forgets_all() {
    let content = pattern(40 * CHUNK);
    let files: [(&str, &[u8]); 1] = [("m.bin", &content)];
    let forget = |options: MountOptions| options.forget_after(Duration::from_millis(300));
    let Some(subject) = Subject::new(&files, forget) else { return };
    let path = subject.path("m.bin");
    let first = File::open(&path).unwrap();
    // All of it is decrypted ahead, though nothing was read.
    eventually("all is in the cache", || cached(&path) == content.len() as u64);
    // What is read now comes from the kernel: the container could not be decrypted any more.
    subject.flip(CHUNK);
    assert_eq!(std::fs::read(&path).unwrap(), content);
    drop(first);
    eventually("the cache is empty", || {
        // Asking opens the file, which would keep it.
        std::thread::sleep(Duration::from_secs(1));
        cached(&path) == 0
    });
    assert!(std::fs::read(&path).is_err());
    assert_eq!(subject.unmount().unwrap().kind(), ErrorKind::NotAuthentic);
}

#[test]
fn a_changed_chunk_is_an_io_error_and_none_of_its_bytes_is_seen() {
    let content = pattern(3 * CHUNK);
    let files: [(&str, &[u8]); 1] = [("m.bin", &content)];
    for ahead in [true, false] {
        let Some(subject) = Subject::new(&files, |options| options.ahead(ahead)) else { return };
        subject.flip(CHUNK + CHUNK / 2);
        let file = File::open(subject.path("m.bin")).unwrap();
        let mut read = vec![0; CHUNK];
        file.read_exact_at(&mut read, 0).unwrap();
        assert_eq!(read, content[..CHUNK]);
        for offset in (CHUNK..2 * CHUNK).step_by(4096) {
            let error = file.read_at(&mut read[..4096], offset as u64).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(5), "{offset}");
        }
        file.read_exact_at(&mut read, 2 * CHUNK as u64).unwrap();
        assert_eq!(read, content[2 * CHUNK..]);
        assert_eq!(*subject.reported.lock().unwrap(), ["chunk 1 of m.bin is not authentic"], "{ahead}");
        drop(file);
        assert_eq!(subject.unmount().unwrap().to_string(), "chunk 1 of m.bin is not authentic");
    }
}

#[test]
fn a_truncated_container_is_an_io_error() {
    let content = pattern(3 * CHUNK);
    let Some(subject) = Subject::new(&[("m.bin", &content)], |options| options.ahead(false)) else { return };
    let container = File::options().write(true).open(subject.fixture.container()).unwrap();
    container.set_len(container.metadata().unwrap().len() - 2 * CHUNK as u64).unwrap();
    let error = File::open(subject.path("m.bin")).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(5));
    let failure = subject.unmount().unwrap();
    assert_eq!(failure.to_string(), "the container is truncated or its end is damaged");
}

#[test]
fn a_replaced_container_changes_nothing_under_the_mount() {
    let content = pattern(3 * CHUNK);
    let Some(subject) = Subject::new(&[("m.bin", &content)], |options| options.ahead(false)) else { return };
    std::fs::remove_file(subject.fixture.container()).unwrap();
    std::fs::write(subject.fixture.container(), b"another file").unwrap();
    assert_eq!(std::fs::read(subject.path("m.bin")).unwrap(), content);
    assert!(subject.unmount().is_none());
}

#[test]
fn mapped_pages_can_be_dropped_while_others_read_them() {
    let content = pattern(16 * CHUNK);
    let Some(subject) = Subject::new(&[("m.bin", &content)], |options| options) else { return };
    // Python maps the file and reads each page again and again.
    let script = "import mmap,sys\nf=open(sys.argv[1],'rb')\nm=mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ)\n\
                  e=open(sys.argv[2],'rb').read()\nfor _ in range(60):\n assert m[:]==e\nprint('equal')";
    let plain = subject.fixture.model_path().join("m.bin");
    let mut readers: Vec<_> = (0..2)
        .map(|_| {
            let mut python = Command::new("python3");
            python.args(["-c", script]).arg(subject.path("m.bin")).arg(&plain);
            python.stdout(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    while readers.iter_mut().any(|reader| reader.try_wait().unwrap().is_none()) {
        subject.mounted().drop_pages();
        std::thread::sleep(Duration::from_millis(1));
    }
    for reader in readers {
        assert_eq!(reader.wait_with_output().unwrap().stdout, b"equal\n");
    }
    assert!(subject.unmount().is_none());
}

#[test]
fn ten_thousand_opens_at_once_are_counted() {
    let Some(subject) = Subject::new(&[("m.bin", b"content")], |options| options) else { return };
    // Each process may have as many open files as this machine lets it have.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let count = limit.current.unwrap_or(1 << 20).min(10_200).saturating_sub(200);
    let files: Vec<File> = (0..count).map(|_| File::open(subject.path("m.bin")).unwrap()).collect();
    assert_eq!(subject.mounted().open_count(), count);
    subject.mounted().refuse_opens();
    assert!(File::open(subject.path("m.bin")).is_err());
    drop(files);
    eventually("all are closed", || subject.mounted().open_count() == 0);
    assert!(subject.unmount().is_none());
}

#[test]
fn open_files_do_not_keep_it_from_being_unmounted() {
    let content = pattern(2 * CHUNK);
    let Some(subject) = Subject::new(&[("m.bin", &content)], |options| options.ahead(false)) else { return };
    let file = File::open(subject.path("m.bin")).unwrap();
    file.read_exact_at(&mut [0; 16], 0).unwrap();
    assert!(subject.unmount().is_none());
}

#[test]
fn a_directory_that_cannot_be_mounted_is_refused() {
    if !has_fuse() {
        return;
    }
    let fixture = Fixture::new(&[("m.bin", b"1")]);
    fixture.seal(fixture.options());
    let tree = || Tree::of(&fixture.open().unwrap()).unwrap();
    let options = || MountOptions::new(|_| ());
    let at = |path: &Path| Mounted::at(tree(), path, options()).unwrap_err();
    let folder = tempfile::tempdir().unwrap();
    let (full, file) = (folder.path(), folder.path().join("file"));
    std::fs::write(&file, b"").unwrap();
    assert!(matches!(at(full), MountError::NotEmpty(_)));
    assert!(matches!(at(&file), MountError::NotADirectory(_)));
    assert!(matches!(at(&full.join("none")), MountError::Read { .. }));
    if is_root() {
        let theirs = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(theirs.path(), Some(65534), None).unwrap();
        assert!(matches!(at(theirs.path()), MountError::NotOurs(_)));
    }
}

#[test]
fn another_user_and_root_see_nothing_unless_they_are_listed() {
    if !has_fuse() || !is_root() {
        return;
    }
    // Mounted by root: another user is let in by number.
    const NOBODY: u32 = 65534;
    let as_nobody = |path: &Path| {
        let mut command = Command::new("setpriv");
        let user = format!("--reuid={NOBODY}");
        command.args([&user, "--regid=65534", "--clear-groups", "cat"]).arg(path).output().unwrap()
    };
    let readable = |options: MountOptions| -> Option<bool> {
        let subject = Subject::new(&[("m.bin", b"content")], |_| options)?;
        std::fs::set_permissions(subject.directory.path().parent()?, PermissionsExt::from_mode(0o777)).ok();
        let output = as_nobody(&subject.path("m.bin"));
        Some(output.status.success() && output.stdout == b"content")
    };
    assert_eq!(readable(MountOptions::new(|_| ())), Some(false));
    assert_eq!(readable(MountOptions::new(|_| ()).users(vec![NOBODY - 1])), Some(false));
    assert_eq!(readable(MountOptions::new(|_| ()).users(vec![NOBODY])), Some(true));
}

#[test]
fn direct_reads_are_verified_too() {
    let content = pattern(2 * CHUNK);
    let Some(subject) = Subject::new(&[("m.bin", &content)], |options| options.ahead(false)) else { return };
    subject.flip(CHUNK / 2 + 4096);
    // O_DIRECT goes around the kernel's cache.
    let direct = File::options().read(true).custom_flags(0o40000).open(subject.path("m.bin"));
    let Ok(direct) = direct else { return };
    assert_eq!(direct.read_at(&mut vec![0; CHUNK], CHUNK as u64).unwrap_err().raw_os_error(), Some(5));
}
