//! A container's frame: prologue and footer checked, nothing authenticated yet.

pub(crate) mod inspect;
pub(crate) mod read_at;
pub(crate) mod rekey_file;
pub(crate) mod side_file;
pub(crate) mod tables;
mod verification;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ovseal_format::footer::{FOOTER_LENGTH, Footer};
use ovseal_format::layout::Layout;
use ovseal_format::prologue::{PROLOGUE_LENGTH, Prologue, PrologueError, is_container};
use ovseal_format::publisher::{Publisher, Signatures, SignaturesError};
use ovseal_format::stanza_region::StanzaRegion;
use ovseal_format::statement::{KeyId, ModelId, Statement};

use crate::container::read_at::{ReadAt, read_vec};
use crate::error::{OpenError, Section};
pub use verification::Verification;

/// Whom the caller believes. There is no default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// One of these publishers must have signed the container, one that is trusted for its model.
    Publishers(Vec<Publisher>),
    /// Whoever could seal to the caller's key: with a public key that is anyone at all.
    AnySender,
    /// No sender is named, which opens only containers for passphrases and key files.
    ///
    /// Every stanza in the region and in the side file must be of these two types. Any other container is refused with
    /// [`OpenError::SenderNotNamed`] before a key is tried. The file of an interrupted rekeying that has others is
    /// passed over as long as the region is whole. The container may come from anyone for whom it was ever sealed or
    /// rekeyed, because every recipient knows the data key.
    SharedSecret,
}

impl Trust {
    /// The publishers that are named for this model, each once.
    pub(crate) fn publishers_of(&self, model: ModelId) -> Vec<KeyId> {
        let Self::Publishers(publishers) = self else { return Vec::new() };
        let named = publishers.iter().filter(|publisher| publisher.may_sign(model));
        let mut ids: Vec<KeyId> = named.map(Publisher::id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// Returns true if the file at `path` begins like a container.
///
/// # Errors
/// Fails if it cannot be read, or is not a regular file.
pub fn is_container_file(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    ovseal_files::open(path)?.take(8).read_to_end(&mut start)?;
    Ok(is_container(&start))
}

/// A container of which only the arithmetic is checked.
#[derive(Clone)]
pub(crate) struct Container {
    pub(crate) source: Arc<dyn ReadAt>,
    pub(crate) path: Option<PathBuf>,
    pub(crate) prologue: Prologue,
    pub(crate) footer: Footer,
    pub(crate) length: u64,
}

/// The stanza regions from which a key may come: two while a rekeying is under way, was interrupted,
/// or is planted.
pub(crate) struct Candidates {
    /// The container's own, unless its region is damaged.
    pub(crate) own: Option<StanzaRegion>,
    /// That of a complete rekeying file.
    pub(crate) waiting: Option<StanzaRegion>,
}

impl Candidates {
    /// Returns the regions in the order in which they are tried: the higher generation first, the
    /// own one if they are equal.
    pub(crate) fn newest_first(&self) -> Vec<&StanzaRegion> {
        let mut regions: Vec<&StanzaRegion> = self.own.iter().chain(&self.waiting).collect();
        regions.sort_by_key(|region| std::cmp::Reverse(region.generation));
        regions
    }
}

/// A statement that agrees with its container, and the layout that it gives.
///
/// It is the trusted publisher's if there is one. With another [`Trust`] there is none, and until a key fits it is only
/// consistent.
#[derive(Clone)]
pub(crate) struct CheckedStatement {
    pub(crate) statement: Statement,
    pub(crate) layout: Layout,
    /// The trusted publisher who signed.
    pub(crate) publisher: Option<KeyId>,
    /// Statement and signatures as they stand in the container, for the MAC.
    pub(crate) raw: Vec<u8>,
}

impl Container {
    /// Reads the frame of the container at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let read = |source| OpenError::Read { what: path.display().to_string(), source };
        // Files beside the container belong to the file itself, by whatever name it is opened.
        let path = path.canonicalize().map_err(read)?;
        Self::from_file(ovseal_files::open(&path).map_err(read)?, path)
    }

    /// Reads the frame of the container in `file`, which stands at `path`, a path without symbolic links.
    pub(crate) fn from_file(file: File, path: PathBuf) -> Result<Self, OpenError> {
        Ok(Self { path: Some(path), ..Self::from_source(Arc::new(file))? })
    }

    /// Reads the frame of a container from anywhere.
    pub(crate) fn from_source(source: Arc<dyn ReadAt>) -> Result<Self, OpenError> {
        let length = source.length().map_err(OpenError::read("the container"))?;
        let prologue = read_prologue(source.as_ref(), length)?;
        let mut footer = [0; FOOTER_LENGTH];
        let at = length.checked_sub(FOOTER_LENGTH as u64).ok_or(OpenError::Truncated)?;
        source.read_exact_at(&mut footer, at).map_err(OpenError::read("the footer"))?;
        let footer = Footer::parse(&footer, length).ok_or(OpenError::Truncated)?;
        Ok(Self { source, path: None, prologue, footer, length })
    }

    /// Checks statement and signatures against the caller's trust, before anything in them is believed.
    pub(crate) fn authenticate(&self, trust: &Trust) -> Result<CheckedStatement, OpenError> {
        let raw = self.read_statement()?;
        let (bytes, signatures) = raw.split_at(self.footer.statement as usize);
        let signatures = Signatures::parse(signatures).ok_or(OpenError::Damaged(Section::Signatures))?;
        let signers = match trust {
            Trust::Publishers(trusted) => Some(signatures.verify(bytes, trusted).map_err(signature_error)?),
            Trust::AnySender | Trust::SharedSecret => None,
        };
        let statement = Statement::parse(bytes).ok_or(OpenError::Damaged(Section::Statement))?;
        let model = statement.model();
        let publisher = signers.map(|signers| trusted_for(model, &signers)).transpose()?;
        if !signatures.agree_with(&statement) {
            return Err(OpenError::Damaged(Section::Signatures));
        }
        let layout = self.layout(&statement)?;
        Ok(CheckedStatement { statement, layout, publisher, raw })
    }

    /// Reads the stanza regions from which a key may come, of which there is at least one.
    pub(crate) fn candidates(&self) -> Result<Candidates, OpenError> {
        // A writer may be at work: what is torn is looked at a second time.
        for _ in 0..2 {
            let own = self.own_region()?;
            let waiting = self.path.as_deref().and_then(|path| rekey_file::read(path, &self.prologue));
            let waiting = waiting.map(|file| file.region);
            if own.is_some() || waiting.is_some() {
                return Ok(Candidates { own, waiting });
            }
        }
        Err(OpenError::Damaged(Section::Stanzas))
    }

    /// The container's own stanzas, if its region is not damaged.
    pub(crate) fn own_region(&self) -> Result<Option<StanzaRegion>, OpenError> {
        Ok(StanzaRegion::parse_padded(&self.read_region()?))
    }

    pub(crate) fn read_region(&self) -> Result<Vec<u8>, OpenError> {
        read_vec(self.source.as_ref(), PROLOGUE_LENGTH as u64, self.prologue.region_length)
            .map_err(OpenError::read(Section::Stanzas))
    }

    fn read_statement(&self) -> Result<Vec<u8>, OpenError> {
        let length = self.footer.statement + self.footer.signatures;
        read_vec(self.source.as_ref(), self.footer.statement_offset(), length)
            .map_err(OpenError::read(Section::Statement))
    }

    /// The layout that the statement gives, if prologue and footer agree with it.
    fn layout(&self, statement: &Statement) -> Result<Layout, OpenError> {
        if self.prologue.suite.digest(&[&self.prologue.encode()]) != statement.prologue
            && !ovseal_format::WITHOUT_AUTHENTICATION
        {
            return Err(OpenError::NotAuthentic(Section::Prologue));
        }
        let payload = PROLOGUE_LENGTH as u64 + self.prologue.region_length;
        Layout::new(self.prologue.chunk_size, payload, &statement.lengths)
            .filter(|layout| layout.trailer == self.footer.trailer && self.footer.has_chunks(layout.chunks))
            .ok_or(OpenError::Damaged(Section::Trailer))
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

/// Returns the publisher among those who signed whom the caller trusts for this model.
fn trusted_for(model: ModelId, signers: &[&Publisher]) -> Result<KeyId, OpenError> {
    let trusted = signers.iter().find(|publisher| publisher.may_sign(model));
    let ids = signers.iter().map(|publisher| publisher.id());
    trusted.map(|publisher| publisher.id()).ok_or(OpenError::NotForPublisher(ids.collect()))
}

fn signature_error(error: SignaturesError) -> OpenError {
    match error {
        SignaturesError::Unsigned => OpenError::Unsigned,
        SignaturesError::Untrusted => OpenError::Untrusted,
        SignaturesError::Missing(id) => OpenError::SignatureMissing(id),
        SignaturesError::Wrong(id) => OpenError::Signature(id),
    }
}
