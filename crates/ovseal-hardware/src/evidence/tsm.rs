//! The kernel's `configfs-tsm`: a directory for each request.
//!
//! Source: Documentation/ABI/testing/configfs-tsm-report.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use aws_lc_rs::rand;

use super::EvidenceError;
use super::report::{Evidence, EvidenceKind, LENGTH_LIMIT, REPORT_DATA_LENGTH};

const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);

pub(super) fn collect(
    root: &Path,
    report_data: &[u8; REPORT_DATA_LENGTH],
) -> Result<Evidence, EvidenceError> {
    let entry = Entry::create(root)?;
    let kind = entry.kind()?;
    let before = entry.generation()?;
    entry.write(report_data)?;
    // The kernel takes the data when the file is closed, so its answer to the write itself is lost.
    if entry.generation()? != before + 1 {
        return Err(EvidenceError::Interference);
    }
    let bytes = entry.retry_read("outblob")?;
    let auxiliary = entry.auxiliary()?;
    if entry.generation()? != before + 1 {
        return Err(EvidenceError::Interference);
    }
    Ok(Evidence { kind, bytes, auxiliary })
}

/// The directory of one request, removed on drop.
struct Entry(PathBuf);

impl Entry {
    fn create(root: &Path) -> Result<Self, EvidenceError> {
        let mut name = [0; 8];
        rand::fill(&mut name).map_err(|_| {
            EvidenceError::file(root)(io::Error::other("the system provided no random numbers"))
        })?;
        let path = root.join(format!("ovseal-{}", base16ct::lower::encode_string(&name)));
        match fs::create_dir(&path) {
            Ok(()) => Ok(Self(path)),
            Err(error) if error.raw_os_error() == Some(ENXIO) => Err(no_provider(root)),
            Err(error) => Err(EvidenceError::file(&path)(error)),
        }
    }

    fn kind(&self) -> Result<EvidenceKind, EvidenceError> {
        match self.text("provider")?.as_str() {
            "tdx_guest" => Ok(EvidenceKind::TdxQuote),
            "sev_guest" => Ok(EvidenceKind::SnpReport),
            other => Err(EvidenceError::UnknownProvider(other.chars().take(64).collect())),
        }
    }

    fn generation(&self) -> Result<u64, EvidenceError> {
        let text = self.text("generation")?;
        text.parse().map_err(|_| EvidenceError::Malformed { provider: "the kernel" })
    }

    /// Writes the data with a single call, as configfs requires.
    fn write(&self, report_data: &[u8]) -> Result<(), EvidenceError> {
        let path = self.0.join("inblob");
        let file = OpenOptions::new().write(true).open(&path);
        file.and_then(|mut file| file.write_all(report_data)).map_err(EvidenceError::file(&path))
    }

    /// Reads a blob. Tries again while the hardware is busy.
    fn retry_read(&self, name: &str) -> Result<Vec<u8>, EvidenceError> {
        let mut attempt = 1;
        loop {
            match self.read(name) {
                Err(EvidenceError::File { source, .. })
                    if source.kind() == ErrorKind::ResourceBusy && attempt < ATTEMPTS =>
                {
                    attempt += 1;
                    thread::sleep(PAUSE);
                }
                outcome => return outcome,
            }
        }
    }

    /// Reads the host's data. Providers without such data do not show the file.
    fn auxiliary(&self) -> Result<Vec<u8>, EvidenceError> {
        match self.read("auxblob") {
            Err(EvidenceError::File { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            outcome => outcome,
        }
    }

    fn text(&self, name: &str) -> Result<String, EvidenceError> {
        let text = String::from_utf8(self.read(name)?);
        let text = text.map_err(|_| EvidenceError::Malformed { provider: "the kernel" })?;
        Ok(text.trim_end().to_owned())
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, EvidenceError> {
        let path = self.0.join(name);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(LENGTH_LIMIT).read_to_end(&mut bytes));
        read.map_err(EvidenceError::file(&path))?;
        Ok(bytes)
    }
}

impl Drop for Entry {
    /// Removes the directory. If that fails, it costs the kernel a little memory.
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

fn no_provider(root: &Path) -> EvidenceError {
    EvidenceError::NoProvider { path: root.to_owned() }
}

/// `ENXIO`: configfs exists, but has no driver for a trusted environment.
const ENXIO: i32 = 6;
