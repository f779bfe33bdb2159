//! Values with limits, and the one valid encoding of every message (`docs/license-protocol.md` §2).

use minicbor::data::Type;
use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};
use ovseal_format::cbor;

/// The bytes are not a message of the expected kind, or exceed one of its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is malformed")]
pub struct Malformed;

/// The rules of a message besides its shape.
pub(crate) trait Rules {
    /// The greatest length in bytes.
    const LIMIT: usize;

    /// Returns true if the values agree with each other.
    fn hold(&self) -> bool;
}

/// Parses `bytes`, which must be the one encoding of a value that keeps its [`Rules`].
pub(crate) fn parse<'b, T: Rules + Decode<'b, ()> + Encode<()>>(bytes: &'b [u8]) -> Result<T, Malformed> {
    if bytes.len() > T::LIMIT {
        return Err(Malformed);
    }
    cbor::decode(bytes).filter(T::hold).ok_or(Malformed)
}

/// A number below 2^63.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(u64);

/// The name and version of a program: 0 to 64 printable ASCII characters. It decides nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Software(String);

/// The version of an object: 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version;

/// A value or `null`, which is encoded in a map, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nullable<T>(pub(crate) Option<T>);

impl Number {
    /// Returns the number, or `None` if it is too great.
    pub const fn new(number: u64) -> Option<Self> {
        if number <= i64::MAX as u64 { Some(Self(number)) } else { None }
    }

    /// Returns its value.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Software {
    /// Returns the text, or `None` if its length or a character is not allowed.
    pub fn new(text: &str) -> Option<Self> {
        let printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        (text.len() <= 64 && printable).then(|| Self(text.to_owned()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns true for 1 to 64 characters `a`–`z`, `0`–`9`, `-`, `.`.
pub(crate) fn is_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(good)
}

/// Returns true if each item is greater than the one before.
pub(crate) fn is_ascending<T: PartialOrd>(items: &[T]) -> bool {
    items.windows(2).all(|pair| pair[0] < pair[1])
}

/// Implements encoding and decoding by a conversion to and from another type.
macro_rules! cbor_as {
    ($type:ty, $wire:ty, $to:expr, $from:expr) => {
        impl<C> Encode<C> for $type {
            fn encode<W: Write>(
                &self,
                encoder: &mut Encoder<W>,
                context: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                let to: fn(&$type) -> $wire = $to;
                to(self).encode(encoder, context)
            }
        }

        impl<'b, C> Decode<'b, C> for $type {
            fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, decode::Error> {
                let from: fn($wire) -> Option<$type> = $from;
                from(<$wire>::decode(decoder, context)?).ok_or_else(|| decode::Error::message("out of range"))
            }
        }
    };
}
pub(crate) use cbor_as;

cbor_as!(Number, u64, |number| number.0, Number::new);
cbor_as!(Version, u64, |_| 1, |number| (number == 1).then_some(Version));
cbor_as!(Software, String, |software| software.0.clone(), |text| Software::new(&text));

impl<C, T: Encode<C>> Encode<C> for Nullable<T> {
    fn encode<W: Write>(
        &self,
        encoder: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        match &self.0 {
            Some(value) => value.encode(encoder, context),
            None => encoder.null().map(drop),
        }
    }
}

impl<'b, C, T: Decode<'b, C>> Decode<'b, C> for Nullable<T> {
    fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, decode::Error> {
        if decoder.datatype()? == Type::Null {
            return decoder.null().map(|()| Self(None));
        }
        T::decode(decoder, context).map(|value| Self(Some(value)))
    }
}
