//! The subset of XML that this parser and OpenVINO's read the same way.

use std::borrow::Cow;

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::{IrError, IrFault};

/// A piece of a topology.
pub(super) enum Piece<'t> {
    /// An element begins.
    Begin(Element<'t>),
    /// The innermost open element ends.
    End,
}

/// An element with its attributes.
pub(super) struct Element<'t> {
    tag: BytesStart<'t>,
    /// Its line, from 1.
    pub(super) line: u64,
}

/// The attributes of an element, with distinct names.
pub(super) struct Attributes<'t>(Vec<(&'t str, Cow<'t, str>)>);

/// A reader of the pieces of a topology.
pub(super) struct Markup<'t> {
    text: &'t str,
    reader: Reader<&'t [u8]>,
    /// The last position up to which lines were counted, and its line.
    counted: (usize, u64),
    is_empty_element: bool,
    depth: usize,
    has_root: bool,
}

impl<'t> Markup<'t> {
    /// Creates a reader of UTF-8, with or without a byte order mark.
    ///
    /// Rejects zero bytes, at which only OpenVINO's parser would stop.
    pub(super) fn new(topology: &'t [u8]) -> Result<Self, IrError> {
        let topology = topology.strip_prefix(b"\xef\xbb\xbf").unwrap_or(topology);
        let text = std::str::from_utf8(topology).ok().filter(|_| !topology.contains(&0));
        let text = text.ok_or(IrError { line: 1, fault: IrFault::Markup })?;
        let mut reader = Reader::from_str(text);
        reader.config_mut().enable_all_checks(true);
        Ok(Self { text, reader, counted: (0, 1), is_empty_element: false, depth: 0, has_root: false })
    }

    /// Returns the next piece, or `None` at the end of a document with a single root element.
    pub(super) fn next(&mut self) -> Result<Option<Piece<'t>>, IrError> {
        if std::mem::take(&mut self.is_empty_element) {
            return self.end();
        }
        loop {
            let start = self.reader.buffer_position();
            let Ok(event) = self.reader.read_event() else { return Err(self.fault(IrFault::Markup)) };
            match event {
                Event::Start(tag) => return self.begin(tag, start),
                Event::Empty(tag) => {
                    self.is_empty_element = true;
                    return self.begin(tag, start);
                }
                Event::End(_) => return self.end(),
                Event::Eof if self.depth == 0 && self.has_root => return Ok(None),
                Event::Eof => return Err(self.fault(IrFault::Markup)),
                other => self.pass_over(&other, start)?,
            }
        }
    }

    /// Returns an error with the current line.
    pub(super) fn fault(&mut self, fault: IrFault) -> IrError {
        let position = self.reader.buffer_position().max(self.reader.error_position());
        IrError { line: self.line_of(position), fault }
    }

    fn begin(&mut self, tag: BytesStart<'t>, start: u64) -> Result<Option<Piece<'t>>, IrError> {
        if self.depth == 0 && std::mem::replace(&mut self.has_root, true) {
            return Err(self.fault(IrFault::Markup));
        }
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(self.fault(IrFault::NotUnderstood("nesting this deep")));
        }
        let line = self.line_of(start);
        Ok(Some(Piece::Begin(Element { tag, line })))
    }

    fn end(&mut self) -> Result<Option<Piece<'t>>, IrError> {
        self.depth = self.depth.checked_sub(1).ok_or_else(|| self.fault(IrFault::Markup))?;
        Ok(Some(Piece::End))
    }

    /// Accepts markup that has no meaning between elements.
    fn pass_over(&mut self, event: &Event<'_>, start: u64) -> Result<(), IrError> {
        let is_known = match event {
            Event::Text(text) => self.depth > 0 || text.trim_ascii().is_empty(),
            Event::GeneralRef(_) => self.depth > 0,
            // Some parsers read `<!-->` as a whole comment, others as the start of one.
            Event::Comment(text) => {
                self.reader.buffer_position() - start == text.len() as u64 + COMMENT_MARKS
            }
            Event::Decl(declaration) => {
                let encoding = declaration.encoding().transpose();
                // OpenVINO's parser looks for this word anywhere in the declaration.
                let named = memchr::memmem::find_iter(declaration.as_bytes(), "encoding").count();
                let is_known = encoding.is_ok_and(|name| match name {
                    Some(name) => named == 1 && name.eq_ignore_ascii_case("utf-8"),
                    None => named == 0,
                });
                start == 0 && is_known
            }
            _ => false,
        };
        if is_known { Ok(()) } else { Err(self.fault(IrFault::NotUnderstood("this kind of markup"))) }
    }

    /// Returns the line of a position. Counts from the previous position, because positions ascend.
    fn line_of(&mut self, position: u64) -> u64 {
        let (counted, lines) = self.counted;
        let position = usize::try_from(position).map_or(self.text.len(), |at| at.min(self.text.len()));
        if let Some(passed) = self.text.as_bytes().get(counted..position) {
            self.counted = (position, lines + memchr::memchr_iter(b'\n', passed).count() as u64);
        }
        self.counted.1
    }
}

impl<'t> Element<'t> {
    /// Returns the name.
    pub(super) fn name(&self) -> &str {
        self.tag.name().into_inner()
    }

    /// Parses the attributes. Fails if two have the same name.
    pub(super) fn attributes(&self) -> Result<Attributes<'_>, IrError> {
        let malformed = |_| IrError { line: self.line, fault: IrFault::Markup };
        let pairs = self.tag.attributes().map(|attribute| attribute.map(|a| (a.key.into_inner(), a.value)));
        let attributes = pairs.collect::<Result<Vec<_>, _>>().map_err(malformed)?;
        Ok(Attributes(attributes))
    }
}

impl Attributes<'_> {
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| *key == name)
    }

    /// Returns the value, which must not contain references such as `&#48;`.
    pub(super) fn text(&self, name: &'static str) -> Result<&str, IrFault> {
        let value = self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| &**value);
        value.filter(|value| !value.contains('&')).ok_or(IrFault::Attribute(name))
    }

    /// Returns the value as a number.
    pub(super) fn number(&self, name: &'static str) -> Result<u64, IrFault> {
        number(self.text(name)?).ok_or(IrFault::Attribute(name))
    }
}

/// Parses decimal digits and nothing else, below 2^63: OpenVINO reads some numbers as signed.
pub(super) fn number(text: &str) -> Option<u64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse::<i64>().ok()).flatten()?.try_into().ok()
}

/// Limit on nested elements. Bodies of loops in loops are a few dozen deep.
const DEPTH_LIMIT: usize = 256;

/// Length of `<!--` and `-->`.
const COMMENT_MARKS: u64 = 7;
