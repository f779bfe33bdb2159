//! Checks of an OpenVINO IR: constants match their types and shapes, and lie inside the weights.
//!
//! OpenVINO multiplies shapes and adds offsets without checking for overflow. So a topology can
//! make it read any memory of the process (seen with 2026.4.1). This module therefore reads the
//! topology first, with checked arithmetic, both when it is sealed and when it is opened. It
//! accepts a subset of XML that OpenVINO's own parser (pugixml) reads the same way, and rejects
//! everything else.
//!
//! Source: `xml_deserialize_util.cpp`, `string_aligned_buffer.cpp` and `memory_util.cpp` of
//! OpenVINO.

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

/// A topology that passed the checks that do not depend on the weights.
#[derive(Clone, Debug)]
pub struct Topology {
    constants: Vec<Constant>,
    shape_constants: Vec<Range<u64>>,
}

/// The error for an IR that is damaged, unsupported, or would make OpenVINO read outside the
/// weights.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the topology: {fault}")]
pub struct IrError {
    /// Line of the topology, from 1.
    pub line: u64,
    /// The reason.
    pub fault: IrFault,
}

/// A reason to reject an IR.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IrFault {
    /// It is truncated, or not well-formed XML in UTF-8.
    #[error("not well-formed XML, or truncated")]
    Markup,
    /// It is a different kind of XML.
    #[error("its root element is not net")]
    Root,
    /// It contains something that OpenVINO never writes, and whose effect is unknown.
    #[error("{0} is not supported")]
    NotUnderstood(&'static str),
    /// An attribute is missing or malformed.
    #[error("the attribute {0} is missing or malformed")]
    Attribute(&'static str),
    /// A constant has an unknown element type.
    #[error("a constant has an unknown element type")]
    ElementType,
    /// A constant has fewer bytes than its shape and element type require.
    #[error("a constant needs {needed} bytes but has {size}")]
    TooShort {
        /// Bytes that its shape and element type require.
        needed: u64,
        /// Bytes that it has.
        size: u64,
    },
    /// A constant's shape is too large for any memory.
    #[error("a constant's shape is too large for any memory")]
    Overflow,
    /// A constant extends beyond the weights.
    #[error("a constant ends at byte {end}, but the weights have only {length} bytes")]
    OutsideWeights {
        /// Offset of the byte after the constant.
        end: u64,
        /// Length of the weights.
        length: u64,
    },
    /// The string table of a constant does not match its shape and size.
    #[error("a constant's string table is malformed")]
    Strings,
}

impl IrError {
    /// Returns the kind of the error, if an authentic model cannot be opened.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self.fault {
            IrFault::Root | IrFault::NotUnderstood(_) | IrFault::ElementType => ErrorKind::Unsupported,
            _ => ErrorKind::NotAuthentic,
        }
    }
}

/// The table at the beginning of a constant of strings.
pub struct StringTable<'t>(&'t Constant);

impl StringTable<'_> {
    /// Checks that the table matches the constant's shape and size.
    ///
    /// # Errors
    /// [`IrFault::Strings`] if it does not.
    pub fn check(&self, table: &[u8]) -> Result<(), IrError> {
        if strings::is_sound(self.0, table) { Ok(()) } else { Err(self.0.fault(IrFault::Strings)) }
    }
}

impl Topology {
    /// Reads a topology and checks everything that does not depend on the weights.
    ///
    /// Time and memory are proportional to the length of `topology`.
    ///
    /// # Errors
    /// [`IrError`] for the first line that is malformed, unsupported or inconsistent.
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
    /// [`IrFault::OutsideWeights`] if one does not.
    pub fn check_length(&self, length: u64) -> Result<(), IrError> {
        let outside = |constant: &&Constant| constant.range().end > length;
        self.constants.iter().find(outside).map_or(Ok(()), |constant| {
            Err(constant.fault(IrFault::OutsideWeights { end: constant.range().end, length }))
        })
    }

    /// Returns the string tables, each with its range in the weights. Check each table against
    /// those bytes.
    pub fn string_tables(&self) -> impl Iterator<Item = (StringTable<'_>, Range<u64>)> {
        let tables = self.constants.iter().filter(|constant| constant.holds_strings());
        tables.map(|constant| (StringTable(constant), constant.range().start..strings::table_end(constant)))
    }

    /// Returns the ranges of all constants in the weights, in no particular order.
    pub fn constants(&self) -> impl Iterator<Item = Range<u64>> {
        self.constants.iter().map(Constant::range)
    }

    /// Returns the ranges of the weights that OpenVINO may compute with while it reads and
    /// compiles.
    ///
    /// The ranges are in ascending order. Their bytes must be authentic before OpenVINO sees them:
    /// a divisor that is zero because its chunk failed ends the process with a signal. The ranges
    /// contain integers, booleans and strings, except for those that are clearly compressed
    /// weights. They also contain the numbers from which such values are computed while the model
    /// is compiled.
    pub fn shape_constants(&self) -> &[Range<u64>] {
        &self.shape_constants
    }
}
