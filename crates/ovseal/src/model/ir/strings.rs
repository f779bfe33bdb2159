//! The table before a constant's strings.
//!
//! It holds the number of strings, the offset of each string, and the offset of the end, all as
//! little-endian 32-bit integers.

use super::constant::Constant;

/// Returns the offset in the weights where the table of `constant` ends.
pub(super) fn table_end(constant: &Constant) -> u64 {
    // This does not overflow: the constant has at least as many bytes.
    constant.range().start + 4 * (constant.elements + 2)
}

/// Returns whether `table` has a string per element, with ascending offsets inside the constant.
pub(super) fn is_sound(constant: &Constant, table: &[u8]) -> bool {
    let (words, _) = table.as_chunks::<4>();
    let mut words = words.iter().map(|word| i32::from_le_bytes(*word));
    let texts = constant.range().end - table_end(constant);
    let is_counted = words.next().is_some_and(|count| u64::try_from(count) == Ok(constant.elements));
    let offsets: Vec<i32> = words.collect();
    let is_inside = offsets.last().is_some_and(|&end| u64::try_from(end).is_ok_and(|end| end <= texts));
    is_counted && is_inside && offsets.first() == Some(&0) && offsets.is_sorted()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{constant, net};
    use super::super::{IrError, IrFault, Topology};

    fn check(weights: &[u8]) -> Result<(), IrError> {
        let data = constant("string", "2", 0, weights.len());
        let topology = Topology::parse(net(&data).as_bytes())?;
        topology.check_length(weights.len() as u64)?;
        let mut tables = topology.string_tables();
        tables.try_for_each(|(table, range)| table.check(&weights[range.start as usize..range.end as usize]))
    }

    fn packed(words: [i32; 4]) -> Vec<u8> {
        let mut weights: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        weights.extend(b"onetwo");
        weights
    }

    #[test]
    fn a_table_that_matches_is_accepted() {
        assert_eq!(check(&packed([2, 0, 3, 6])), Ok(()));
        assert_eq!(check(&packed([2, 0, 0, 0])), Ok(()));
    }

    #[test]
    fn a_wrong_number_and_offsets_outside_or_out_of_order_are_rejected() {
        for words in [
            [0, 0, 3, 6],
            [1, 0, 3, 6],
            [3, 0, 3, 6],
            [-2, 0, 3, 6],
            [2, 0, 3, 7],
            [2, 0, 7, 6],
            [2, 1, 3, 6],
            [2, -1, 3, 6],
            [2, 0, 3, -6],
        ] {
            assert_eq!(check(&packed(words)).unwrap_err().fault, IrFault::Strings, "{words:?}");
        }
    }

    #[test]
    fn a_truncated_table_is_too_short_for_its_shape() {
        let error = check(&packed([2, 0, 3, 6])[..12]).unwrap_err();
        assert_eq!(error.fault, IrFault::TooShort { needed: 16, size: 12 });
    }
}
