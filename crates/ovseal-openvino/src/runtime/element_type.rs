//! Types of tensor elements.

use std::fmt;

use openvino_sys::ov_element_type_e as Raw;

macro_rules! element_types {
    ($($(#[$doc:meta])* $variant:ident = $raw:ident, $name:literal, $bits:literal;)*) => {
        /// The type of a tensor's elements, by OpenVINO's names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ElementType { $($(#[$doc])* $variant,)* }

        impl ElementType {
            /// Returns OpenVINO's name of the type, such as `f32`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns the size of one element in bits; 0 for `dynamic` and `string`, which have
            /// none.
            #[must_use]
            pub fn bits(self) -> usize {
                match self { $(Self::$variant => $bits,)* }
            }

            /// Converts the runtime's number. `None` for a type that is newer than this crate.
            pub(crate) fn from_raw(number: u32) -> Option<Self> {
                $(if number == Raw::$raw as u32 { return Some(Self::$variant); })*
                None
            }

            pub(crate) fn to_raw(self) -> Raw {
                match self { $(Self::$variant => Raw::$raw,)* }
            }
        }
    };
}

element_types! {
    /// Not known before inference.
    Dynamic = DYNAMIC, "dynamic", 0;
    /// One byte, 0 or 1.
    Boolean = OV_BOOLEAN, "boolean", 8;
    /// The upper half of an `f32`.
    Bf16 = BF16, "bf16", 16;
    /// IEEE 754 binary16.
    F16 = F16, "f16", 16;
    /// IEEE 754 binary32.
    F32 = F32, "f32", 32;
    /// IEEE 754 binary64.
    F64 = F64, "f64", 64;
    /// Signed, two in a byte.
    I4 = I4, "i4", 4;
    /// Signed byte.
    I8 = I8, "i8", 8;
    /// Signed, 2 bytes.
    I16 = I16, "i16", 16;
    /// Signed, 4 bytes.
    I32 = I32, "i32", 32;
    /// Signed, 8 bytes.
    I64 = I64, "i64", 64;
    /// One bit.
    U1 = U1, "u1", 1;
    /// Unsigned, four in a byte.
    U2 = U2, "u2", 2;
    /// Unsigned, eight in three bytes.
    U3 = U3, "u3", 3;
    /// Unsigned, two in a byte.
    U4 = U4, "u4", 4;
    /// Unsigned, four in three bytes.
    U6 = U6, "u6", 6;
    /// Unsigned byte.
    U8 = U8, "u8", 8;
    /// Unsigned, 2 bytes.
    U16 = U16, "u16", 16;
    /// Unsigned, 4 bytes.
    U32 = U32, "u32", 32;
    /// Unsigned, 8 bytes.
    U64 = U64, "u64", 64;
    /// 4-bit normal float.
    Nf4 = NF4, "nf4", 4;
    /// 8-bit float with 4 bits of exponent.
    F8e4m3 = F8E4M3, "f8e4m3", 8;
    /// 8-bit float with 5 bits of exponent. (The C header misspells it `F8E5M3`.)
    F8e5m2 = F8E5M3, "f8e5m2", 8;
    /// A string, without plain bytes.
    String = STRING, "string", 0;
    /// 4-bit float with 2 bits of exponent.
    F4e2m1 = F4E2M1, "f4e2m1", 4;
    /// 8-bit exponent.
    F8e8m0 = F8E8M0, "f8e8m0", 8;
}

impl fmt::Display for ElementType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_the_runtime_survives_a_round_trip() {
        for number in 0..=25 {
            assert_eq!(ElementType::from_raw(number).map(|found| found.to_raw() as u32), Some(number));
        }
        assert_eq!(ElementType::from_raw(26), None);
    }
}
