//! One constant of a topology.

use std::ops::Range;

use super::element_type::ElementType;
use super::markup::{Attributes, number};
use super::{IrError, IrFault};
use crate::model::extents::Extents;

/// A constant whose type, shape and size agree.
#[derive(Clone, Debug)]
pub(super) struct Constant {
    line: u64,
    pub(super) element_type: ElementType,
    pub(super) elements: u64,
    offset: u64,
    size: u64,
}

impl Constant {
    /// Parses the attributes of a constant's `data` element.
    pub(super) fn parse(line: u64, data: &Attributes<'_>) -> Result<Self, IrError> {
        let fault = |fault| IrError { line, fault };
        let text = |name: &'static str| data.text(name).map_err(fault);
        // OpenVINO would use the string as the bytes, without checking its length.
        if data.has("value") {
            return Err(fault(IrFault::NotUnderstood("a constant with a value in the topology")));
        }
        let element_type = ElementType::parse(text("element_type")?).ok_or(fault(IrFault::ElementType))?;
        let elements = elements(text("shape")?).map_err(fault)?;
        let offset = number(text("offset")?).ok_or(fault(IrFault::Attribute("offset")))?;
        let size = number(text("size")?).ok_or(fault(IrFault::Attribute("size")))?;
        let needed = element_type.bytes(elements).ok_or(fault(IrFault::Overflow))?;
        if size < needed {
            return Err(fault(IrFault::TooShort { needed, size }));
        }
        // Both are below 2^63, so their sum does not wrap.
        Ok(Self { line, element_type, elements, offset, size })
    }

    /// Returns its range in the weights.
    pub(super) fn range(&self) -> Range<u64> {
        self.offset..self.offset + self.size
    }

    pub(super) fn holds_strings(&self) -> bool {
        self.element_type == ElementType::Text
    }

    /// Returns an error with this constant's line.
    pub(super) fn fault(&self, fault: IrFault) -> IrError {
        IrError { line: self.line, fault }
    }
}

/// Counts the elements of a shape such as `2,3,4`. An empty shape has one element.
fn elements(shape: &str) -> Result<u64, IrFault> {
    let mut extents = Extents::new();
    for extent in shape.split(',').filter(|_| !shape.is_empty()) {
        let extent = number(extent.trim_matches(' ')).ok_or(IrFault::Attribute("shape"))?;
        extents.multiply(extent).ok_or(IrFault::Overflow)?;
    }
    Ok(extents.elements())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_multiplied_without_overflow() {
        for (shape, expected) in [
            ("", Ok(1)),
            (" ", Err(IrFault::Attribute("shape"))),
            ("7", Ok(7)),
            ("2,3,4", Ok(24)),
            ("2, 3", Ok(6)),
            ("0,5", Ok(0)),
            ("4611686018427387904", Err(IrFault::Overflow)),
            ("4294967296,4294967296,16", Err(IrFault::Overflow)),
            ("0,4294967296,4294967296", Err(IrFault::Overflow)),
            ("-1", Err(IrFault::Attribute("shape"))),
            ("4 1000000", Err(IrFault::Attribute("shape"))),
            ("2,,3", Err(IrFault::Attribute("shape"))),
            ("2,", Err(IrFault::Attribute("shape"))),
            ("+2", Err(IrFault::Attribute("shape"))),
            ("0x10", Err(IrFault::Attribute("shape"))),
            ("&#50;", Err(IrFault::Attribute("shape"))),
        ] {
            assert_eq!(elements(shape), expected, "{shape:?}");
        }
    }
}
