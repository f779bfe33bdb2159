//! Element types of constants, and the size of their elements.

/// An element type that a constant can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementType {
    /// Numbers with a fraction, with this many bits.
    Float(u8),
    /// Integers or booleans, with this many bits.
    Integer(u8),
    /// Strings, which have their own table.
    Text,
    /// No type. OpenVINO exports such constants, without elements, for unused inputs.
    None,
}

impl ElementType {
    /// Parses a name in the current spelling, or in the one used by OpenVINO before 2022.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "f64" | "FP64" => Self::Float(64),
            "f32" | "FP32" => Self::Float(32),
            "f16" | "FP16" | "bf16" | "BF16" => Self::Float(16),
            "f8e4m3" | "F8E4M3" | "f8e5m2" | "F8E5M2" | "f8e8m0" | "F8E8M0" => Self::Float(8),
            "nf4" | "NF4" | "f4e2m1" | "F4E2M1" => Self::Float(4),
            "i64" | "I64" | "u64" | "U64" => Self::Integer(64),
            "i32" | "I32" | "u32" | "U32" => Self::Integer(32),
            "i16" | "I16" | "u16" | "U16" => Self::Integer(16),
            "i8" | "I8" | "u8" | "U8" | "boolean" | "BOOL" => Self::Integer(8),
            "u6" | "U6" => Self::Integer(6),
            "i4" | "I4" | "u4" | "U4" => Self::Integer(4),
            "u3" | "U3" => Self::Integer(3),
            "u2" | "U2" => Self::Integer(2),
            "u1" | "U1" | "BIN" => Self::Integer(1),
            "string" | "STRING" => Self::Text,
            "dynamic" => Self::None,
            _ => return None,
        })
    }

    /// Returns the size of `elements` in bytes. For strings, returns the size of the table before
    /// them.
    pub(super) fn bytes(self, elements: u64) -> Option<u64> {
        match self {
            // The bits of such elements are spread over units of three bytes.
            Self::Integer(bits @ (3 | 6)) => elements.div_ceil(24 / u64::from(bits)).checked_mul(3),
            Self::Float(bits) | Self::Integer(bits) => {
                Some(elements.checked_mul(u64::from(bits))?.div_ceil(8))
            }
            Self::Text => elements.checked_add(2)?.checked_mul(4),
            Self::None => (elements == 0).then_some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_that_openvino_allocates() {
        for (name, elements, bytes) in [
            ("f32", 3, 12),
            ("bf16", 3, 6),
            ("boolean", 3, 3),
            ("i4", 3, 2),
            ("u1", 9, 2),
            ("u2", 5, 2),
            ("u3", 8, 3),
            ("u3", 9, 6),
            ("u6", 4, 3),
            ("u6", 5, 6),
            ("string", 2, 16),
            ("f64", 0, 0),
        ] {
            assert_eq!(ElementType::parse(name).unwrap().bytes(elements), Some(bytes), "{elements} {name}");
        }
    }

    #[test]
    fn a_size_that_overflows_is_none() {
        for name in ["f32", "i4", "string"] {
            assert_eq!(ElementType::parse(name).unwrap().bytes(u64::MAX), None, "{name}");
        }
    }

    #[test]
    fn names_of_other_types_are_unknown() {
        assert_eq!([0, 1].map(|elements| ElementType::None.bytes(elements)), [Some(0), None]);
        for name in ["undefined", "UNSPECIFIED", "F32", "", "f32 ", "q78"] {
            assert_eq!(ElementType::parse(name), None, "{name}");
        }
    }
}
