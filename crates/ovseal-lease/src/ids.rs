//! Names of things, as bytes (`docs/license-protocol.md` §2.2).

use aws_lc_rs::digest;
use minicbor::{Decode, Encode};
use ovseal_format::share::ProductId;
use ovseal_format::statement::KeyId;

use crate::values::is_name;

/// Defines a newtype of an array of bytes, shown in hexadecimal.
macro_rules! id {
    ($(#[$documentation:meta])* $id:ident, $length:literal) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $id(#[cbor(n(0), with = "minicbor::bytes")] [u8; $length]);

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

id!(
    /// The id of a licence service.
    ServiceId,
    32
);
id!(
    /// The id of a device at one service.
    DeviceId,
    32
);
id!(
    /// The id of a licence.
    LicenceId,
    16
);
id!(
    /// The id of a voucher, with which a device enrolls.
    VoucherId,
    16
);
id!(
    /// The id of a lease.
    LeaseId,
    16
);
id!(
    /// The id of a request, the same when it is repeated.
    RequestId,
    16
);
id!(
    /// The context of a container, `ctx` in `docs/format.md` §3.
    Context,
    32
);
id!(
    /// A SHA-256 digest.
    Hash,
    32
);
id!(
    /// The hash of a request, `R`, which its proof and its answer carry.
    RequestHash,
    32
);

impl ServiceId {
    /// Returns the id of the service that this publisher made under this name (`docs/format.md`
    /// §4.7).
    pub fn of(origin: KeyId, name: &str) -> Self {
        Self(sha256(&[b"ovseal/v1/service-id\0", origin.as_bytes(), name.as_bytes()]))
    }
}

impl DeviceId {
    /// Returns the id of a device by its endorsement key's name, for level 1.
    pub fn of_endorsement_key(service: ServiceId, name: &[u8]) -> Self {
        Self(sha256(&[b"ovseal/v1/device\0", &service.0, name]))
    }
}

impl LicenceId {
    /// Returns the id of the licence with this public activation key.
    pub fn of(service: ServiceId, key: &[u8; 32]) -> Self {
        Self(first_16(&sha256(&[b"ovseal/v1/licence\0", &service.0, key])))
    }
}

impl VoucherId {
    /// Returns the id of the voucher with this public key.
    pub fn of(service: ServiceId, key: &[u8; 32]) -> Self {
        Self(first_16(&sha256(&[b"ovseal/v1/voucher\0", &service.0, key])))
    }
}

/// Returns the id of a service's product, or `None` if `name` is not one.
///
/// A name has 1 to 64 characters `a`–`z`, `0`–`9`, `-`, `.`.
pub fn product_id(service: ServiceId, name: &str) -> Option<ProductId> {
    let digest = sha256(&[b"ovseal/v1/product\0", &service.0, name.as_bytes()]);
    is_name(name).then(|| ProductId::from_bytes(first_16(&digest)))
}

/// Returns the SHA-256 of the concatenation of `pieces`.
pub(crate) fn sha256(pieces: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    pieces.iter().for_each(|piece| context.update(piece));
    *context.finish().as_ref().first_chunk().expect("SHA-256 has 32 bytes")
}

fn first_16(digest: &[u8; 32]) -> [u8; 16] {
    *digest.first_chunk().expect("32 bytes begin with 16")
}
