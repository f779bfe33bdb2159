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

mod container;
mod device_secret;
mod error;
#[cfg(all(fuzzing, feature = "hazmat-fuzzing"))]
pub mod fuzzing;
mod model;
mod open;
mod options;
mod progress;
mod rekey;
mod rollback;
mod seal;
mod secret_text;
mod threads;
mod unlock;
mod verify;

pub use ovseal_files::FileIdentity;
pub use ovseal_format::crypto::aead::AeadProvider;
pub use ovseal_format::crypto::data_key::{DataKey, RandomnessError};
pub use ovseal_format::error_kind::ErrorKind;
pub use ovseal_format::layout::ChunkSize;
pub use ovseal_format::line::without_line_ending;
pub use ovseal_format::manifest::{Manifest, ModelName, ModelNameError, PartEntry, PartKind};
pub use ovseal_format::part_path::{PartPath, PathError};
pub use ovseal_format::prologue::{ContainerId, is_container};
pub use ovseal_format::publisher::{Ed25519Signer, Publisher, PublisherKey, SignError};
pub use ovseal_format::recipient::{
    Argon2Cost, Argon2MemoryError, CacheKey, Context, Derivation, Identity, KeyError, KeyFile, KeyService,
    Passphrase, PublicKeyIdentity, PublicKeyRecipient, Recipient, ServiceContext, ServiceError, ServiceKey,
    UnwrapError, WRAPPED_LIMIT, WrapError, symmetric,
};
pub use ovseal_format::stanza::{Stanza, StanzaError, StanzaType};
pub use ovseal_format::stanza_kind::{RecipientClass, StanzaKind};
pub use ovseal_format::statement::{KeyId, ModelId};
pub use ovseal_format::suite::Suite;
pub use ovseal_memory::Secret;

pub use container::inspect::{Inspection, StanzaSummary};
pub use container::read_at::ReadAt;
pub use container::{Trust, Verification, is_container_file};
pub use device_secret::{DeviceSecret, DeviceSecretError};
pub use error::{OpenError, Section};
pub use model::{CompiledBlob, Model, ModelError, ModelOptions, PathOnlyFormat, ir, onnx, paddle};
pub use open::{Opened, Part, PartMapping, Populated, UnverifiedMapping};
pub use options::OpenOptions;
pub use rekey::{OnWaiting, RekeyError, RekeyOptions, Rekeyed, WaitingStanzas};
pub use rollback::{AnchorError, Attested, RollbackAnchor, RollbackError, RollbackState};
pub use seal::{Progress, SealError, SealOptions, Sealed};
pub use secret_text::{SecretText, identity_at};
