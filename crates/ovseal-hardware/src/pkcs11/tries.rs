//! The tries left for a PIN.

use std::fmt;

/// The tries left before the PIN is locked, as reported by a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tries {
    /// Nothing was reported: enough tries are left, or the token does not count them.
    Unsaid,
    /// Wrong PINs were entered since the last correct one.
    Few,
    /// The next wrong PIN locks the token's PIN.
    Last,
    /// The PIN is locked.
    None,
}

impl Tries {
    /// Returns the words to add to the message about a wrong PIN.
    pub(super) const fn warning(self) -> &'static str {
        match self {
            Self::Unsaid => "",
            Self::Few => ", few tries are left",
            Self::Last => ", one try is left",
            Self::None => ", and now it is locked",
        }
    }
}

impl fmt::Display for Tries {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unsaid => "not locked",
            Self::Few => "few tries left",
            Self::Last => "one try left",
            Self::None => "locked",
        })
    }
}
