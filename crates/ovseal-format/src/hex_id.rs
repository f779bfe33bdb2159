//! Ids of fixed length, shown in hexadecimal.

/// Implements construction, access, `Display` and `Debug` for a newtype of an array of bytes.
///
/// The array has 32 bytes, unless another length is given.
macro_rules! hex_id {
    ($id:ident) => {
        $crate::hex_id::hex_id!($id, 32);
    };
    ($id:ident, $length:literal) => {
        impl $id {
            /// Returns the id with these bytes.
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// Returns the bytes.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl std::fmt::Display for $id {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:x}", base16ct::HexDisplay(&self.0))
            }
        }

        impl std::fmt::Debug for $id {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({self})", stringify!($id))
            }
        }
    };
}
pub(crate) use hex_id;
