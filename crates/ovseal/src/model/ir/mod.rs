//! Checks of an OpenVINO IR: its constants must agree with their types and shapes, and lie inside the weights.
//!
//! OpenVINO multiplies shapes and adds offsets without looking for overflow, so a topology can make it
//! read any memory of the process (seen with 2026.4.1). The topology is therefore read here first, with
//! checked arithmetic, when it is sealed and again when it is opened. The reader accepts a subset of XML
//! that OpenVINO's own parser (pugixml) reads the same way, and refuses everything else.
//!
//! Source: `xml_deserialize_util.cpp`, `string_aligned_buffer.cpp` and `memory_util.cpp` of OpenVINO.

mod constant;
mod element_type;
mod graph;
mod markup;
mod reader;
mod strings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::ops::Range;

use ovseal_format::error_kind::ErrorKind;

use constant::Constant;

/// A topology that passed the checks which need no weights.
#[derive(Clone, Debug)]
pub struct Topology {
    constants: Vec<Constant>,
    shape_constants: Vec<Range<u64>>,
}

/// An IR that OpenVINO must not see: damaged, or made to read what is not the model's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the topology: {fault}")]
pub struct IrError {
    /// Line of the topology, from 1.
    pub line: u64,
    /// The reason.
    pub fault: IrFault,
}

/// A reason to refuse an IR.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IrFault {
    /// It is not well-formed XML in UTF-8, or ends too early.
    #[error("not well-formed XML, or cut off")]
    Markup,
    /// It is XML of another kind.
    #[error("its root element is not net")]
    Root,
    /// Something that OpenVINO's own writer never produces, so that nothing is known of how it is read.
    #[error("{0} is not understood")]
    NotUnderstood(&'static str),
    /// An attribute is missing or has a value of another form.
    #[error("the attribute {0} is missing or malformed")]
    Attribute(&'static str),
    /// A constant has an element type that is not known.
    #[error("a constant of an unknown element type")]
    ElementType,
    /// A constant has fewer bytes than its shape and element type need.
    #[error("a constant needs {needed} bytes and has {size}")]
    TooShort {
        /// Bytes that shape and element type need.
        needed: u64,
        /// Bytes that the topology gives it.
        size: u64,
    },
    /// A constant's shape overflows.
    #[error("a constant's shape is too large for any memory")]
    Overflow,
    /// A constant ends behind the weights.
    #[error("a constant ends at byte {end}, the weights have {length}")]
    OutsideWeights {
        /// Offset of the byte after the constant's last one.
        end: u64,
        /// Length of the weights.
        length: u64,
    },
    /// A constant of strings whose table does not agree with its shape and size.
    #[error("a constant's table of strings is malformed")]
    Strings,
}

impl IrError {
    /// Tells whose fault it is that an authentic model cannot be opened.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self.fault {
            IrFault::Root | IrFault::NotUnderstood(_) | IrFault::ElementType => ErrorKind::Unsupported,
            _ => ErrorKind::NotAuthentic,
        }
    }
}

/// A constant of strings, whose bytes begin with a table.
pub struct StringTable<'t>(&'t Constant);

impl StringTable<'_> {
    /// Checks that the table agrees with the constant's shape and size.
    ///
    /// # Errors
    ///
    /// [`IrFault::Strings`].
    pub fn check(&self, table: &[u8]) -> Result<(), IrError> {
        if strings::is_sound(self.0, table) { Ok(()) } else { Err(self.0.fault(IrFault::Strings)) }
    }
}

impl Topology {
    /// Reads a topology and checks everything that does not depend on the weights.
    ///
    /// Takes time and memory in proportion to the length of `topology`.
    ///
    /// # Errors
    ///
    /// [`IrError`] for the first line that is malformed, not understood or inconsistent.
    pub fn parse(topology: &[u8]) -> Result<Self, IrError> {
        let (constants, graphs) = reader::read(topology)?;
        let decides = graph::deciding(&constants, &graphs);
        let mut ranges: Vec<_> =
            constants.iter().zip(decides).filter(|(_, decides)| *decides).map(|(c, _)| c.range()).collect();
        ranges.sort_unstable_by_key(|range| range.start);
        Ok(Self { constants, shape_constants: ranges })
    }

    /// Checks that every constant lies inside weights of `length` bytes.
    ///
    /// # Errors
    ///
    /// [`IrFault::OutsideWeights`].
    pub fn check_length(&self, length: u64) -> Result<(), IrError> {
        let outside = |constant: &&Constant| constant.range().end > length;
        self.constants.iter().find(outside).map_or(Ok(()), |constant| {
            Err(constant.fault(IrFault::OutsideWeights { end: constant.range().end, length }))
        })
    }

    /// Returns the tables in front of strings, with their places in the weights, to be checked by what stands there.
    pub fn string_tables(&self) -> impl Iterator<Item = (StringTable<'_>, Range<u64>)> {
        let tables = self.constants.iter().filter(|constant| constant.holds_strings());
        tables.map(|constant| (StringTable(constant), constant.range().start..strings::table_end(constant)))
    }

    /// Returns the bytes of the weights by which OpenVINO may decide while it reads and compiles, ascending.
    ///
    /// They must be authentic before OpenVINO sees them: a divisor that is zero, because its chunk failed,
    /// ends the process with a signal. These are the integers, booleans and strings that are not plainly
    /// compressed weights, and the numbers from which such are computed when the model is compiled.
    pub fn shape_constants(&self) -> &[Range<u64>] {
        &self.shape_constants
    }
}
