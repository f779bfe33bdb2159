//! The encrypted list of parts, with the model's name and version (`docs/format.md` §6.1).

mod wire;

use crate::cbor;
use crate::part_path::{self, PartPath};
use crate::statement::{ModelId, Statement};
use wire::{WireHints, WireManifest, WirePart};

/// Maximum length of a manifest without its tag, in bytes.
pub const MANIFEST_LIMIT: u64 = 4 << 20;

const NAME_LIMIT: usize = 256;
const KIND_LIMIT: usize = 32;

/// The role of a part in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartKind {
    /// The topology of an OpenVINO IR (`.xml`).
    Ir,
    /// An ONNX model (`.onnx`), with or without its weights.
    Onnx,
    /// The topology of a PaddlePaddle model (`.pdmodel`).
    Paddle,
    /// A model that a device has compiled and exported (`.blob`).
    Compiled,
    /// Weights that a topology of this container needs.
    Weights,
    /// Any other file.
    File,
    /// A kind that this version does not know, treated as a file.
    Other,
}

impl PartKind {
    const KNOWN: [Self; 6] = [Self::Ir, Self::Onnx, Self::Paddle, Self::Compiled, Self::Weights, Self::File];

    /// Returns the word for this kind in the manifest; `other` for unknown kinds.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ir => "ir",
            Self::Onnx => "onnx",
            Self::Paddle => "paddle",
            Self::Compiled => "compiled",
            Self::Weights => "weights",
            Self::File => "file",
            Self::Other => "other",
        }
    }

    /// Returns true for the topology of a network.
    pub const fn is_model(self) -> bool {
        matches!(self, Self::Ir | Self::Onnx | Self::Paddle)
    }

    /// Returns true if `content`, or its beginning, can only be read as this kind of topology.
    ///
    /// A runtime may detect the format from the content, trying one format after another
    /// (`docs/format.md` §6.1). Content that it could read as a different kind would escape the
    /// checks of that kind. Any content fits a kind that is not a topology.
    pub fn fits(self, content: &[u8]) -> bool {
        match self {
            // No protobuf message begins with `<`, but many begin with white space and then `<`.
            Self::Ir => without_mark(content).first() == Some(&b'<'),
            // The first field of a ProgramDesc is a block. An ONNX model begins with a number.
            Self::Paddle => content.first() == Some(&BLOCK_KEY) && !holds_net(content),
            Self::Onnx => {
                let is_xml = without_mark(content).trim_ascii_start().first() == Some(&b'<');
                content.first() != Some(&BLOCK_KEY) && !is_xml && !holds_net(content)
            }
            Self::Compiled | Self::Weights | Self::File | Self::Other => true,
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        let known = Self::KNOWN.into_iter().find(|kind| kind.word() == word);
        (1..=KIND_LIMIT).contains(&word.len()).then_some(known.unwrap_or(Self::Other))
    }
}

/// The key of a protobuf message's field 1 with the wire type of a message.
const BLOCK_KEY: u8 = 1 << 3 | 2;

/// Returns the content after an optional byte order mark.
fn without_mark(content: &[u8]) -> &[u8] {
    content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content)
}

/// Returns true if an IR's root element could begin before the first zero byte.
///
/// OpenVINO's XML parser skips anything before the root element.
fn holds_net(content: &[u8]) -> bool {
    let text = content.split(|byte| *byte == 0).next().unwrap_or_default();
    memchr::memchr_iter(b'<', text)
        .any(|at| text.get(at + 1..at + 4).is_some_and(|name| name.eq_ignore_ascii_case(b"net")))
}

/// A part, as the manifest describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartEntry {
    /// Its path, unique in the container.
    pub path: PartPath,
    /// Its role in the model.
    pub kind: PartKind,
    /// Its length in bytes.
    pub length: u64,
    /// Numbers of the parts that this topology needs, ascending.
    ///
    /// These parts are of kind [`PartKind::Weights`], unless this part is of an unknown kind.
    pub companions: Vec<usize>,
}

/// The description of a model: name, version and parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The model's name.
    pub name: ModelName,
    /// The model's security version.
    pub security_version: u64,
    /// All parts, in the order of the container.
    pub parts: Vec<PartEntry>,
    /// Hints from the writer, for example its name under `producer`. Readers may ignore them.
    pub hints: Vec<(String, String)>,
}

/// The name of a model: 1 to 256 bytes of UTF-8 without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName(String);

/// The error for an invalid model name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a model name has 1 to 256 bytes and no control characters")]
pub struct ModelNameError;

impl ModelName {
    /// Parses a name of 1 to 256 bytes without control characters.
    ///
    /// # Errors
    /// [`ModelNameError`] if `name` is not valid.
    pub fn parse(name: &str) -> Result<Self, ModelNameError> {
        let good = (1..=NAME_LIMIT).contains(&name.len()) && !name.chars().any(char::is_control);
        good.then(|| Self(name.to_owned())).ok_or(ModelNameError)
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the id of the model with this name.
    pub fn id(&self) -> ModelId {
        ModelId::of(&self.0)
    }
}

impl Manifest {
    /// Parses a manifest. Returns `None` if it is malformed or contradicts the statement.
    pub fn parse(bytes: &[u8], statement: &Statement) -> Option<Self> {
        Self::parse_unchecked(bytes).filter(|manifest| manifest.agrees_with(statement))
    }

    /// Parses a manifest without comparing it with a statement. Returns `None` if it is malformed.
    pub fn parse_unchecked(bytes: &[u8]) -> Option<Self> {
        Self::from_wire(cbor::decode(bytes)?).filter(Self::has_consistent_parts)
    }

    /// Returns the bytes that [`parse`](Self::parse) reads.
    pub fn encode(&self) -> Vec<u8> {
        let parts = self.parts.iter().map(WirePart::from).collect();
        let hints = WireHints(self.hints.clone());
        let name = self.name.as_str().to_owned();
        cbor::encode(&WireManifest { name, security_version: self.security_version, parts, hints })
    }

    /// Returns the lengths of the parts in bytes, in the order of the container.
    pub fn lengths(&self) -> Vec<u64> {
        self.parts.iter().map(|part| part.length).collect()
    }

    fn from_wire(wire: WireManifest) -> Option<Self> {
        Some(Self {
            name: ModelName::parse(&wire.name).ok()?,
            security_version: wire.security_version,
            parts: wire.parts.into_iter().map(WirePart::into_entry).collect::<Option<_>>()?,
            hints: wire.hints.within_limits()?,
        })
    }

    fn agrees_with(&self, statement: &Statement) -> bool {
        self.lengths() == statement.lengths
            && self.security_version == statement.security_version
            && self.name.id().0 == statement.model_id
    }

    fn has_consistent_parts(&self) -> bool {
        part_path::are_distinct(self.parts.iter().map(|part| &part.path))
            && self.parts.iter().all(|part| self.has_good_companions(part))
    }

    fn has_good_companions(&self, part: &PartEntry) -> bool {
        let companions = &part.companions;
        let number = match part.kind {
            PartKind::Onnx | PartKind::Other => usize::MAX,
            PartKind::Ir | PartKind::Paddle => 1,
            PartKind::Compiled | PartKind::Weights | PartKind::File => 0,
        };
        companions.len() <= number
            && companions.windows(2).all(|pair| pair[0] < pair[1])
            && companions.iter().all(|&i| {
                self.parts.get(i).is_some_and(|companion| {
                    part.kind == PartKind::Other || companion.kind == PartKind::Weights
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, kind: PartKind, companions: &[usize]) -> PartEntry {
        PartEntry { path: PartPath::parse(path).unwrap(), kind, length: 5, companions: companions.to_vec() }
    }

    fn manifest() -> Manifest {
        Manifest {
            name: ModelName::parse("detector").unwrap(),
            security_version: 3,
            parts: vec![entry("m.xml", PartKind::Ir, &[1]), entry("m.bin", PartKind::Weights, &[])],
            hints: vec![("z".into(), "1".into()), ("aa".into(), "2".into())],
        }
    }

    fn statement(manifest: &Manifest) -> Statement {
        Statement {
            prologue: [0; 32],
            lengths: manifest.lengths(),
            root: [0; 32],
            manifest: [0; 32],
            model_id: manifest.name.id().0,
            security_version: manifest.security_version,
            publishers: vec![],
        }
    }

    #[test]
    fn an_encoded_manifest_parses_to_itself() {
        assert_eq!(Manifest::parse(&manifest().encode(), &statement(&manifest())), Some(manifest()));
    }

    #[test]
    fn a_manifest_that_contradicts_the_statement_is_rejected() {
        let statement = statement(&manifest());
        let lengths = Statement { lengths: vec![5, 6], ..statement.clone() };
        let version = Statement { security_version: 4, ..statement.clone() };
        let name = Statement { model_id: ModelId::of("other").0, ..statement };
        for contradicting in [lengths, version, name] {
            assert_eq!(Manifest::parse(&manifest().encode(), &contradicting), None);
        }
    }

    #[test]
    fn companions_must_be_weights_of_this_container() {
        for companions in [&[0][..], &[2], &[1, 1]] {
            let mut hostile = manifest();
            hostile.parts[0].companions = companions.to_vec();
            assert_eq!(Manifest::parse(&hostile.encode(), &statement(&hostile)), None, "{companions:?}");
        }
    }

    #[test]
    fn topologies_are_distinguished_by_their_first_byte() {
        let (xml, paddle, onnx) = (&b"\xef\xbb\xbf<net>"[..], &b"\x0a\x05"[..], &b"\x08\x07"[..]);
        let fitting = |content| PartKind::KNOWN.map(|kind| kind.fits(content));
        assert_eq!(fitting(xml), [true, false, false, true, true, true]);
        assert_eq!(fitting(paddle), [false, false, true, true, true, true]);
        assert_eq!(fitting(onnx), [false, true, false, true, true, true]);
        assert_eq!(fitting(b""), [false, true, false, true, true, true]);
    }

    #[test]
    fn content_that_two_parsers_could_read_fits_no_topology() {
        for start in ["\n", " ", "\x08\x07\x12\x20", "\x0a\x20"] {
            for root in ["<net>", "<NET version=\"11\">", "<p/><net>"] {
                let text = format!("{start}{root}");
                for kind in [PartKind::Ir, PartKind::Onnx, PartKind::Paddle] {
                    assert!(!kind.fits(text.as_bytes()), "{text:?} {kind:?}");
                }
            }
        }
        assert!(PartKind::Onnx.fits(b"\x08\x07\0<net>") && PartKind::Paddle.fits(b"\x0a\x07<n<neat>"));
    }

    #[test]
    fn hints_out_of_order_are_rejected() {
        let mut hostile = manifest();
        hostile.hints.reverse();
        assert_eq!(Manifest::parse(&hostile.encode(), &statement(&hostile)), None);
    }
}
