//! What the bindings of ovseal to other languages share.
//!
//! | need | type |
//! |---|---|
//! | an error as a number, a sentence, advice and causes | [`Failure`], [`Code`], [`Kind`] |
//! | what opens, and what is sealed to, in one type | [`Key`] |
//!
//! A binding turns them into what its language has for it, and adds nothing: the same failure has the same number and the same
//! words everywhere.

#![forbid(unsafe_code)]

mod code;
mod failure;
mod hint;
mod key;

pub use code::{Code, Kind};
pub use failure::Failure;
pub use key::Key;
