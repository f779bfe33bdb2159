//! How many elements a shape has, computed without wrapping.

/// The product of a shape's extents.
///
/// The extents that are not zero must fit into memory together, too: an operation may drop the zero.
pub(super) struct Extents {
    others: u64,
    has_zero: bool,
}

impl Extents {
    /// Starts with the shape of one element, which has no extents.
    pub(super) fn new() -> Self {
        Self { others: 1, has_zero: false }
    }

    /// Adds an extent; `None` if no memory holds so many elements.
    pub(super) fn multiply(&mut self, extent: u64) -> Option<()> {
        match extent {
            0 => self.has_zero = true,
            extent => {
                self.others =
                    self.others.checked_mul(extent).filter(|&elements| elements <= MOST_ELEMENTS)?;
            }
        }
        Some(())
    }

    /// Returns the number of elements.
    pub(super) fn elements(&self) -> u64 {
        if self.has_zero { 0 } else { self.others }
    }
}

/// No memory holds more: addresses have 48 bits, or 57.
const MOST_ELEMENTS: u64 = 1 << 57;

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(extents: &[u64]) -> Option<u64> {
        let mut product = Extents::new();
        extents.iter().try_for_each(|&extent| product.multiply(extent)).map(|()| product.elements())
    }

    #[test]
    fn a_zero_hides_no_extent_that_is_too_large() {
        assert_eq!(elements(&[]), Some(1));
        assert_eq!(elements(&[2, 3, 4]), Some(24));
        assert_eq!(elements(&[5, 0, 2]), Some(0));
        assert_eq!(elements(&[MOST_ELEMENTS]), Some(MOST_ELEMENTS));
        for extents in [&[MOST_ELEMENTS, 2][..], &[0, u64::MAX], &[1 << 32, 1 << 32, 0]] {
            assert_eq!(elements(extents), None, "{extents:?}");
        }
    }
}
