//! Parses numbers of bytes as people write them.

/// Reads a number of bytes such as `500M` or `2G`: K, M, G and T stand for 10^3, 10^6, 10^9 and
/// 10^12.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(['K', 'M', 'G', 'T']);
    let factor: u64 = match &text[digits.len()..] {
        "" => 1,
        "K" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        _ => return Err(EXPECTED.to_owned()),
    };
    let number: Option<u64> =
        digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
    number.and_then(|number| number.checked_mul(factor)).ok_or_else(|| EXPECTED.to_owned())
}

const EXPECTED: &str = "expected a number of bytes such as 500M or 2G";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_a_thousand() {
        let read = ["0", "7", "1K", "500M", "2G", "3T"].map(|text| bytes(text).unwrap());
        assert_eq!(read, [0, 7, 1_000, 500_000_000, 2_000_000_000, 3_000_000_000_000]);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "G", "1GG", "1KM", "1k", "-1", "+1", "1.5G", "1 G", "99999999999G", "GiB", "é"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
