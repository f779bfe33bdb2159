//! A double of the kernel's `configfs-tsm`, after drivers/virt/coco/tsm.c.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use fuser::Errno;

use super::attribute_files::{Files, Kind};

/// TSM_INBLOB_MAX.
const INBLOB_LIMIT: usize = 64;

/// Creates the report and the host's data from the written bytes.
type Reporter = Box<dyn Fn(&[u8]) -> Result<(Vec<u8>, Vec<u8>), Errno> + Send + Sync>;

/// The driver of a trusted environment.
pub(crate) struct Driver {
    pub(crate) name: &'static str,
    pub(crate) report: Reporter,
    /// True if `auxblob` is shown.
    pub(crate) has_auxiliary: bool,
    /// True if another program writes to each entry after the first one.
    pub(crate) is_meddled_with: bool,
}

/// The interface. Without a driver, no entry can be created.
#[derive(Clone)]
pub(crate) struct Tsm {
    driver: Option<Arc<Driver>>,
    entries: Arc<Mutex<BTreeMap<String, Entry>>>,
}

#[derive(Default)]
struct Entry {
    data: Vec<u8>,
    report: Option<(Vec<u8>, Vec<u8>)>,
    write_generation: u64,
    read_generation: u64,
}

impl Tsm {
    pub(crate) fn new(driver: Option<Driver>) -> Self {
        Self { driver: driver.map(Arc::new), entries: Arc::default() }
    }

    /// Returns the present number of entries.
    pub(crate) fn count(&self) -> usize {
        self.entries().len()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap()
    }

    /// Returns the report for the newest data, created on first read (`tsm_report_read`).
    fn blob(driver: &Driver, entry: &mut Entry, auxiliary: bool) -> Result<Vec<u8>, Errno> {
        if entry.data.is_empty() {
            return Err(Errno::EINVAL);
        }
        if entry.report.is_none() || entry.read_generation != entry.write_generation {
            entry.report = None;
            entry.report = Some((driver.report)(&entry.data)?);
            entry.read_generation = entry.write_generation;
        }
        let (report, added) = entry.report.clone().unwrap_or_default();
        Ok(if auxiliary { added } else { report })
    }
}

impl Files for Tsm {
    fn kind(&self, path: &str) -> Option<Kind> {
        let Some((entry, file)) = path.split_once('/') else {
            return (path.is_empty() || self.entries().contains_key(path)).then_some(Kind::Directory);
        };
        let driver = self.driver.as_ref().filter(|_| self.entries().contains_key(entry))?;
        match file {
            "inblob" => Some(Kind::File(0o200, INBLOB_LIMIT)),
            "outblob" | "provider" | "generation" => Some(Kind::File(0o400, 0)),
            "auxblob" => driver.has_auxiliary.then_some(Kind::File(0o400, 0)),
            _ => None,
        }
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, Errno> {
        let driver = self.driver.as_ref().ok_or(Errno::ENOTTY)?;
        let (name, file) = path.split_once('/').ok_or(Errno::EISDIR)?;
        let mut entries = self.entries();
        let entry = entries.get_mut(name).ok_or(Errno::ENOENT)?;
        match file {
            "provider" => Ok(format!("{}\n", driver.name).into_bytes()),
            "generation" => Ok(format!("{}\n", entry.write_generation).into_bytes()),
            file => Self::blob(driver, entry, file == "auxblob"),
        }
    }

    /// Takes the data (`tsm_report_inblob_write`).
    ///
    /// The kernel's call fails with `EBUSY` when generations wrap around, but the program does not
    /// see that.
    fn written(&self, path: &str, data: &[u8]) {
        let mut entries = self.entries();
        let Some(entry) = path.split_once('/').and_then(|(name, _)| entries.get_mut(name)) else { return };
        if entry.write_generation == entry.read_generation.wrapping_sub(1) {
            return;
        }
        entry.write_generation += 1;
        entry.data = data.to_vec();
        if self.driver.as_ref().is_some_and(|driver| driver.is_meddled_with) {
            entry.write_generation += 1;
            entry.data = vec![0x66; INBLOB_LIMIT];
        }
    }

    /// Creates an entry (`tsm_report_make_item`).
    fn make(&self, path: &str) -> Result<(), Errno> {
        if self.driver.is_none() {
            return Err(Errno::ENXIO);
        }
        self.entries().insert(path.to_owned(), Entry::default());
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), Errno> {
        self.entries().remove(path).map(drop).ok_or(Errno::ENOENT)
    }
}
