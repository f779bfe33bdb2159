//! The number of elements of a shape, computed without overflow.

/// The product of a shape's extents.
///
/// The product without the zeros is also limited, because an operation may drop a zero extent.
pub(super) struct Extents {
    nonzero: u64,
    has_zero: bool,
}

impl Extents {
    /// Starts with the shape of one element, which has no extents.
    pub(super) fn new() -> Self {
        Self { nonzero: 1, has_zero: false }
    }

    /// Adds an extent; `None` if no memory can hold so many elements.
    pub(super) fn multiply(&mut self, extent: u64) -> Option<()> {
        self.has_zero |= extent == 0;
        self.nonzero = self.nonzero.checked_mul(extent.max(1)).filter(|&product| product <= MOST_ELEMENTS)?;
        Some(())
    }

    /// Returns the number of elements.
    pub(super) fn elements(&self) -> u64 {
        if self.has_zero { 0 } else { self.nonzero }
    }
}

/// Limit on the number of elements of a shape. Addresses have 48 or 57 bits, so no memory holds
/// more.
const MOST_ELEMENTS: u64 = 1 << 57;

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(extents: &[u64]) -> Option<u64> {
        let mut product = Extents::new();
        extents.iter().try_for_each(|&extent| product.multiply(extent)).map(|()| product.elements())
    }

    #[test]
    fn a_zero_does_not_hide_an_extent_that_is_too_large() {
        assert_eq!(elements(&[]), Some(1));
        assert_eq!(elements(&[2, 3, 4]), Some(24));
        assert_eq!(elements(&[5, 0, 2]), Some(0));
        assert_eq!(elements(&[MOST_ELEMENTS]), Some(MOST_ELEMENTS));
        for extents in [&[MOST_ELEMENTS, 2][..], &[0, u64::MAX], &[1 << 32, 1 << 32, 0]] {
            assert_eq!(elements(extents), None, "{extents:?}");
        }
    }
}
