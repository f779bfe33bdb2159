//! The directory of a cache: lists and removes entries.

use std::fs::DirEntry;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::error::CacheError;

/// The directory of a [`CompileCache`](super::CompileCache). Listing and clearing it need no key.
///
/// Files are touched only if they have the name of an entry, or of an unfinished one.
#[derive(Clone, Debug)]
pub struct CacheFolder {
    path: PathBuf,
}

/// A compiled model in a cache. Without the key of its model, it reveals nothing about that model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheEntry {
    /// The file's name.
    pub name: String,
    /// Its length in bytes.
    pub length: u64,
    /// The time at which it was last imported, or written.
    pub used: SystemTime,
}

/// A count of the entries removed from a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// The number of entries.
    pub entries: usize,
    /// Their total size in bytes.
    pub bytes: u64,
}

impl CacheFolder {
    /// Opens an existing directory.
    ///
    /// # Errors
    ///
    /// [`CacheError::Folder`] if `path` does not exist or is not a directory.
    pub fn existing(path: &Path) -> Result<Self, CacheError> {
        let folder = Self { path: path.into() };
        let metadata = path.metadata().map_err(|error| folder.error(error))?;
        if metadata.is_dir() { Ok(folder) } else { Err(folder.error(io::ErrorKind::NotADirectory.into())) }
    }

    pub(super) fn create(path: &Path) -> Result<Self, CacheError> {
        let created = ovseal_files::create_private_directory(path);
        created.map_err(|source| CacheError::Folder { path: path.into(), source })?;
        Self::existing(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the entries, the most recently used first.
    ///
    /// # Errors
    ///
    /// [`CacheError::Folder`].
    pub fn entries(&self) -> Result<Vec<CacheEntry>, CacheError> {
        let mut entries: Vec<CacheEntry> = self.files(is_entry)?;
        entries.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.name.cmp(&b.name)));
        Ok(entries)
    }

    /// Removes all entries and abandoned files.
    ///
    /// # Errors
    ///
    /// [`CacheError::Folder`] if an entry cannot be removed. The other entries are removed anyway.
    pub fn clear(&self) -> Result<Cleared, CacheError> {
        self.remove_abandoned();
        let mut cleared = Cleared::default();
        let mut failure = None;
        for entry in self.entries()? {
            match std::fs::remove_file(self.path.join(&entry.name)) {
                Ok(()) => {
                    cleared = Cleared { entries: cleared.entries + 1, bytes: cleared.bytes + entry.length }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(cleared), |error| Err(self.error(error)))
    }

    /// Removes the least recently used entries until all but `keep` take at most `budget` bytes
    /// together. An entry that cannot be removed stays.
    pub(super) fn make_room(&self, budget: u64, keep: &str) {
        let mut entries = self.entries().unwrap_or_default();
        entries.retain(|entry| entry.name != keep);
        let mut total: u64 = entries.iter().map(|entry| entry.length).sum();
        while let Some(oldest) = entries.pop().filter(|_| total > budget) {
            remove(&self.path.join(&oldest.name));
            total -= oldest.length;
        }
    }

    /// Removes files that a process started to write and apparently abandoned.
    pub(super) fn remove_abandoned(&self) {
        for file in self.files(is_partial).unwrap_or_default() {
            // A time in the future comes from a different clock.
            if file.used.elapsed().is_ok_and(|age| age > ABANDONED) {
                remove(&self.path.join(&file.name));
            }
        }
    }

    /// Returns the regular files with a wanted name. Skips a file that another process removes.
    fn files(&self, is_wanted: fn(&str) -> bool) -> Result<Vec<CacheEntry>, CacheError> {
        let files = self.path.read_dir().map_err(|error| self.error(error))?;
        let files: Vec<DirEntry> = files.collect::<Result<_, _>>().map_err(|error| self.error(error))?;
        Ok(files.iter().filter_map(describe).filter(|entry| is_wanted(&entry.name)).collect())
    }

    fn error(&self, source: io::Error) -> CacheError {
        CacheError::Folder { path: self.path.clone(), source }
    }
}

/// Removes a file. If that fails, the only cost is space.
pub(super) fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(%error, "a cache file was not removed");
    }
}

/// Returns the file name of the entry with this id.
pub(super) fn name(id: &[u8; 32]) -> String {
    format!("{}{EXTENSION}", base16ct::lower::encode_string(id))
}

fn describe(file: &DirEntry) -> Option<CacheEntry> {
    let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let name = file.file_name().into_string().ok()?;
    Some(CacheEntry { name, length: metadata.len(), used: metadata.modified().ok()? })
}

fn is_entry(name: &str) -> bool {
    name.strip_suffix(EXTENSION)
        .is_some_and(|id| id.len() == 64 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

/// Returns whether this is the name of an unfinished entry: a dot, the entry's name,
/// random characters, and `.partial`.
fn is_partial(name: &str) -> bool {
    let name = name.strip_prefix('.').filter(|name| name.ends_with(PARTIAL));
    name.and_then(|name| name.get(..64 + EXTENSION.len())).is_some_and(is_entry)
}

const EXTENSION: &str = ".ovseal";
const PARTIAL: &str = ".partial";

/// An unfinished file that has not been written to for this long is abandoned: a chunk takes
/// milliseconds.
const ABANDONED: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, CacheFolder) {
        let folder = tempfile::tempdir().unwrap();
        let cache = CacheFolder::create(&folder.path().join("a/cache")).unwrap();
        (folder, cache)
    }

    /// Writes a file last used `seconds` ago.
    fn file(cache: &CacheFolder, name: &str, length: usize, seconds: u64) {
        std::fs::write(cache.path.join(name), vec![1; length]).unwrap();
        let file = std::fs::File::options().append(true).open(cache.path.join(name)).unwrap();
        let used = SystemTime::now() - Duration::from_secs(seconds);
        file.set_times(std::fs::FileTimes::new().set_modified(used)).unwrap();
    }

    fn names(cache: &CacheFolder) -> Vec<String> {
        cache.entries().unwrap().into_iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn only_the_owner_can_enter_the_directory() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, cache) = folder();
        assert_eq!(cache.path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn the_least_recently_used_entries_are_removed_first() {
        let (_folder, cache) = folder();
        let [a, b, c, d] = [1, 2, 3, 4].map(|id| name(&[id; 32]));
        file(&cache, &a, 100, 10);
        file(&cache, &b, 100, 40);
        file(&cache, &c, 100, 20);
        file(&cache, &d, 100, 50);
        assert_eq!(names(&cache), [&a, &c, &b, &d].map(String::clone));
        cache.make_room(250, &d);
        assert_eq!(names(&cache), [&a, &c, &d].map(String::clone), "the entry to keep does not count");
        cache.make_room(200, "");
        assert_eq!(names(&cache), [&a, &c].map(String::clone));
        cache.make_room(0, "");
        assert!(names(&cache).is_empty());
    }

    #[test]
    fn only_entries_and_abandoned_files_are_removed() {
        let (_folder, cache) = folder();
        let entry = name(&[1; 32]);
        let [old, young] = ["old", "new"].map(|word| format!(".{entry}{word}.partial"));
        let foreign =
            ["notes.txt".to_owned(), format!("x{entry}"), format!(".{entry}.backup"), entry.to_uppercase()];
        file(&cache, &entry, 100, 0);
        file(&cache, &old, 10, 3600);
        file(&cache, &young, 10, 0);
        foreign.iter().for_each(|name| file(&cache, name, 10, 3600));
        std::os::unix::fs::symlink("notes.txt", cache.path.join(name(&[2; 32]))).unwrap();
        assert_eq!(cache.clear().unwrap(), Cleared { entries: 1, bytes: 100 });
        let left = |name: &String| cache.path.join(name).symlink_metadata().is_ok();
        assert!(!left(&entry) && !left(&old) && left(&young) && left(&name(&[2; 32])));
        assert!(foreign.iter().all(left));
    }

    #[test]
    fn a_path_that_is_not_a_directory_is_an_error() {
        let (folder, _) = folder();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        for path in [file, folder.path().join("none")] {
            assert!(
                matches!(CacheFolder::existing(&path), Err(CacheError::Folder { path: told, .. }) if told == path)
            );
        }
    }
}
