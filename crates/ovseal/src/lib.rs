//! The `ovseal` container: sealing AI models into one encrypted, authenticated and signed file, and opening it.
//!
//! The format is specified byte by byte in `docs/format.md`; what it protects against, and what not, is said in
//! `docs/threat-model.md`.
//!
//! | need | type |
//! |---|---|
//! | seal a model | [`Model`], [`SealOptions`] |
//! | open a container | [`OpenOptions`], [`Trust`], [`Opened`], [`Part`] |
//! | keys that open | [`Passphrase`], [`PublicKeyIdentity`], [`KeyFile`], [`ServiceKey`], or any [`Identity`] |
//! | keys that are sealed to | [`Passphrase`], [`PublicKeyRecipient`], [`KeyFile`], or any [`Recipient`] |
//! | who signs, whom to trust | [`PublisherKey`], [`Ed25519Signer`] for keys elsewhere, [`Publisher`] |
//! | look at a container, verify it | [`Inspection`], [`OpenOptions::verify`] |
//! | other keys for the same container | [`RekeyOptions`] |
//! | no way back to old versions | [`RollbackState`], [`RollbackAnchor`] |
//! | keep what was computed from a container, sealed | [`Opened::cache_key`], [`DeviceSecret`], [`Model::in_memory`] |
//!
//! ```
//! use ovseal::{KeyFile, Model, ModelName, ModelOptions, OpenOptions, PublisherKey, SealOptions, Trust};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let (input, output) = (folder.path().join("notes.txt"), folder.path().join("notes.ovseal"));
//! # std::fs::write(&input, "weights")?;
//! let (key, publisher) = (KeyFile::generate()?, PublisherKey::generate()?);
//! let model = Model::find(&input, ModelOptions::default())?;
//! let options = SealOptions::new(ModelName::parse("notes")?).recipient(&key).publisher(&publisher);
//! options.seal(&model, &output)?;
//!
//! let trust = Trust::Publishers(vec![publisher.publisher().clone()]);
//! let opened = OpenOptions::new(trust).open(&output, &[&key])?;
//! assert_eq!(&opened.part("notes.txt")?.read()?[..], b"weights");
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not protect
//!
//! Whoever controls the running device can read the decrypted model from memory. A container that is opened with
//! [`Trust::AnySender`] may come from anyone who knows the public key to which it is sealed. With
//! [`Trust::SharedSecret`] it may come from anyone for whom it was ever sealed or rekeyed.

#![forbid(unsafe_code)]

mod aead;
mod atomic;
mod cbor;
mod chunk;
mod container;
mod context;
mod derivation;
mod device_secret;
mod error;
mod file_identity;
mod footer;
#[cfg(all(fuzzing, feature = "hazmat-fuzzing"))]
pub mod fuzzing;
pub mod hex;
mod inspect;
mod key;
mod layout;
mod line;
mod manifest;
mod model;
mod open;
mod path;
mod prologue;
mod publisher;
mod recipient;
mod region;
mod regular;
mod rekey;
mod rekey_file;
mod rollback;
mod seal;
mod secret_text;
mod side_file;
mod source;
mod stanza;
mod statement;
mod suite;
mod threads;
mod verify;

/// Builds of this project's own fuzz targets let every MAC, digest and commitment pass, so that the parsers behind them are
/// reached. It takes both the compiler's flag and the feature: fuzzing another project must not switch anything off here.
const WITHOUT_AUTHENTICATION: bool = cfg!(all(fuzzing, feature = "hazmat-fuzzing"));

pub use aead::AeadProvider;
pub use atomic::AtomicFile;
pub use container::Trust;
pub use context::Context;
pub use derivation::Derivation;
pub use device_secret::{DeviceSecret, DeviceSecretError};
pub use error::{ErrorKind, OpenError, Section};
pub use file_identity::FileIdentity;
pub use inspect::{Inspection, StanzaSummary};
pub use key::{DataKey, RandomnessError};
pub use layout::ChunkSize;
pub use line::without_line_ending;
pub use manifest::{Manifest, ModelName, ModelNameError, PartEntry, PartKind};
pub use model::{CompiledBlob, Model, ModelError, ModelOptions, PathOnlyFormat, ir, onnx, paddle};
pub use open::{OpenOptions, Opened, Part, PartMapping, Populated, UnverifiedMapping};
pub use ovseal_memory::{LateFailureHandler, Secret};
pub use path::{PartPath, PathError};
pub use prologue::{ContainerId, is_container};
pub use publisher::{Ed25519Signer, Publisher, PublisherKey, SignError};
pub use recipient::{
    Argon2Cost, Argon2MemoryError, CacheKey, Identity, KeyError, KeyFile, KeyService, Passphrase,
    PublicKeyIdentity, PublicKeyRecipient, Recipient, RecipientClass, ServiceContext, ServiceError,
    ServiceKey, UnwrapError, WRAPPED_LIMIT, WrapError, symmetric,
};
pub use regular::{
    irregular as irregular_file, is_container_file, open as open_regular,
    open_no_link as open_regular_no_link,
};
pub use rekey::{OnWaiting, RekeyError, RekeyOptions, Rekeyed, WaitingStanzas};
pub use rollback::{AnchorError, Attested, RollbackAnchor, RollbackError, RollbackState};
pub use seal::{Progress, SealError, SealOptions, Sealed};
pub use secret_text::{SecretText, exposed_mode, identity_at};
pub use source::ReadAt;
pub use stanza::{Stanza, StanzaError, StanzaType};
pub use statement::{KeyId, ModelId};
pub use suite::Suite;
pub use verify::Verification;
