//! The frame of a container: its prologue and footer. Nothing is authenticated yet.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ovseal_format::footer::{FOOTER_LENGTH, Footer};
use ovseal_format::prologue::{PROLOGUE_LENGTH, Prologue, PrologueError, is_container};

use super::read_at::{ReadAt, read_vec};
use crate::error::{OpenError, Section};

/// A container whose prologue and footer can be parsed. Nothing else is checked.
#[derive(Clone)]
pub(crate) struct Container {
    pub(crate) source: Arc<dyn ReadAt>,
    /// The path without symbolic links, if the container is a file.
    pub(crate) path: Option<PathBuf>,
    pub(crate) prologue: Prologue,
    pub(crate) footer: Footer,
    pub(crate) length: u64,
}

impl Container {
    /// Reads the frame of the container at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let read = |source| OpenError::Read { what: path.display().to_string(), source };
        // The rekeying file and the side file are next to the file itself, not next to a link to
        // it.
        let path = path.canonicalize().map_err(read)?;
        Self::from_file(ovseal_files::open(&path).map_err(read)?, path)
    }

    /// Reads the frame of the container in `file`. `path` is its path without symbolic links.
    pub(crate) fn from_file(file: File, path: PathBuf) -> Result<Self, OpenError> {
        Ok(Self { path: Some(path), ..Self::from_source(Arc::new(file))? })
    }

    /// Reads the frame of a container that need not be a file.
    pub(crate) fn from_source(source: Arc<dyn ReadAt>) -> Result<Self, OpenError> {
        let length = source.length().map_err(OpenError::read("the container"))?;
        let prologue = read_prologue(source.as_ref(), length)?;
        let mut footer = [0; FOOTER_LENGTH];
        let at = length.checked_sub(FOOTER_LENGTH as u64).ok_or(OpenError::Truncated)?;
        source.read_exact_at(&mut footer, at).map_err(OpenError::read("the footer"))?;
        let footer = Footer::parse(&footer, length).ok_or(OpenError::Truncated)?;
        Ok(Self { source, path: None, prologue, footer, length })
    }

    /// Reads the bytes of the stanza region.
    pub(crate) fn read_region(&self) -> Result<Vec<u8>, OpenError> {
        self.read(PROLOGUE_LENGTH as u64, self.prologue.region_length, Section::Stanzas)
    }

    /// Reads the bytes of the statement and the signatures.
    pub(super) fn read_statement(&self) -> Result<Vec<u8>, OpenError> {
        let length = self.footer.statement + self.footer.signatures;
        self.read(self.footer.statement_offset(), length, Section::Statement)
    }

    fn read(&self, offset: u64, length: u64, section: Section) -> Result<Vec<u8>, OpenError> {
        read_vec(self.source.as_ref(), offset, length).map_err(OpenError::read(section))
    }
}

fn read_prologue(source: &dyn ReadAt, length: u64) -> Result<Prologue, OpenError> {
    let mut bytes = [0; PROLOGUE_LENGTH];
    let available = length.min(PROLOGUE_LENGTH as u64) as usize;
    source.read_exact_at(&mut bytes[..available], 0).map_err(OpenError::read(Section::Prologue))?;
    if !is_container(&bytes[..available]) {
        return Err(OpenError::NotAContainer);
    }
    if available < Prologue::IDENTIFICATION {
        return Err(OpenError::Truncated);
    }
    match Prologue::parse(&bytes) {
        Err(PrologueError::Magic) => Err(OpenError::NotAContainer),
        Err(PrologueError::Version(version)) => Err(OpenError::Version(version)),
        Err(PrologueError::Suite(suite)) => Err(OpenError::Suite(suite)),
        Err(PrologueError::Flags(flags)) => Err(OpenError::Flags(flags)),
        _ if available < PROLOGUE_LENGTH => Err(OpenError::Truncated),
        Err(PrologueError::Malformed) => Err(OpenError::Damaged(Section::Prologue)),
        Ok(prologue) => Ok(prologue),
    }
}

/// Returns true if the file at `path` begins like a container.
///
/// # Errors
/// Fails if the file cannot be read, or is not a regular file.
pub fn is_container_file(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    ovseal_files::open(path)?.take(8).read_to_end(&mut start)?;
    Ok(is_container(&start))
}
