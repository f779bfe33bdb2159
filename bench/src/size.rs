//! Lengths as people write them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes, written like `256M` or `2G`: K, M and G stand for 10^3, 10^6 and 10^9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(split);
        let factor = match unit {
            "" => 1,
            "K" => 1_000,
            "M" => 1_000_000,
            "G" => 1_000_000_000,
            _ => return Err(format!("{unit} is none of K, M and G")),
        };
        let number = digits.parse::<u64>().map_err(|error| error.to_string())?;
        let bytes = number.checked_mul(factor).filter(|bytes| (LEAST..=MOST).contains(bytes));
        bytes.map(Self).ok_or_else(|| "a length is from 16M to 64G".to_owned())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes % 1_000_000_000 == 0 => write!(f, "{} GB", bytes / 1_000_000_000),
            bytes => write!(f, "{} MB", bytes / 1_000_000),
        }
    }
}

/// Below this, random ranges would have no room.
const LEAST: u64 = 16_000_000;

const MOST: u64 = 64_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_a_thousand() {
        assert_eq!("2G".parse(), Ok(Size(2_000_000_000)));
        assert_eq!("256M".parse(), Ok(Size(256_000_000)));
        assert_eq!([Size(2_000_000_000), Size(256_000_000)].map(|s| s.to_string()), ["2 GB", "256 MB"]);
    }

    #[test]
    fn other_lengths_are_refused() {
        for text in ["", "2T", "G", "1K", "99999999999G"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
