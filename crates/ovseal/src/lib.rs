//! Seals AI models into encrypted, authenticated and signed containers, and opens them in memory.
//!
//! A container is one file that holds a whole model. [`SealOptions`] writes it for any number of
//! recipients, and publishers sign it. [`OpenOptions`] checks it and decrypts straight into memory.
//! Nothing writes the plaintext to a file. `docs/format.md` specifies the format.
//!
//! | need | type |
//! |---|---|
//! | seal a model | [`Model`], [`SealOptions`] |
//! | open a container, read its parts | [`OpenOptions`], [`Trust`], [`Opened`], [`Part`] |
//! | seal to a key | [`Passphrase`], [`PublicKeyRecipient`], [`KeyFile`], or any [`Recipient`] |
//! | open with a key | [`Passphrase`], [`PublicKeyIdentity`], [`KeyFile`], [`ServiceKey`], or any [`Identity`] |
//! | sign, and choose whom to trust | [`PublisherKey`], [`Ed25519Signer`] for a key elsewhere, [`Publisher`] |
//! | inspect or verify a container without a key | [`Inspection`], [`OpenOptions::verify`] |
//! | add or remove keys of an existing container | [`RekeyOptions`] |
//! | reject older versions of a model | [`RollbackState`], [`RollbackAnchor`] |
//! | cache data computed from a model, sealed | [`Opened::cache_key`], [`DeviceSecret`], [`Model::in_memory`] |
//!
//! ```
//! use ovseal::{KeyFile, Model, ModelName, ModelOptions, OpenOptions};
//! use ovseal::{PublisherKey, SealOptions, Trust};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let [input, output] = ["notes.txt", "notes.ovseal"].map(|name| directory.path().join(name));
//! # std::fs::write(&input, "weights")?;
//! let (key, publisher) = (KeyFile::generate()?, PublisherKey::generate()?);
//! let model = Model::find(&input, ModelOptions::default())?;
//! let options = SealOptions::new(ModelName::parse("notes")?).recipient(&key);
//! options.publisher(&publisher).seal(&model, &output)?;
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
//! - Anyone who controls the running device can read the decrypted model from memory.
//! - With [`Trust::AnySender`], a container may come from anyone who knows the public key to which
//!   it is sealed.
//! - With [`Trust::SharedSecret`], a container may come from anyone for whom it was ever sealed or
//!   rekeyed.
//! - Removing a key from a container does not revoke it: old copies still open with it.
//!
//! `docs/threat-model.md` lists every threat.

#![forbid(unsafe_code)]

mod byte_callback;
mod container;
mod device_secret;
mod error;
#[cfg(all(fuzzing, feature = "hazmat-fuzzing"))]
pub mod fuzzing;
mod model;
mod open;
mod options;
mod rekey;
mod rollback;
mod seal;
mod secret_text;
#[cfg(test)]
mod testing;
mod threads;
mod unlock;
mod verify;

pub use ovseal_files::FileIdentity;
pub use ovseal_format::crypto::aead::AeadProvider;
pub use ovseal_format::crypto::data_key::DataKey;
pub use ovseal_format::error_kind::ErrorKind;
pub use ovseal_format::key_error::KeyError;
pub use ovseal_format::layout::ChunkSize;
pub use ovseal_format::line::without_line_ending;
pub use ovseal_format::manifest::{Manifest, ModelName, ModelNameError, PartEntry, PartKind};
pub use ovseal_format::part_path::{PartPath, PathError};
pub use ovseal_format::prologue::{ContainerId, is_container};
pub use ovseal_format::publisher::{Ed25519Signer, Publisher, PublisherKey, SignError};
pub use ovseal_format::random::RandomnessError;
pub use ovseal_format::recipient::{
    Argon2Cost, Argon2MemoryError, CacheKey, Context, Derivation, Identity, KeyFile, KeyService,
    LicenseRecipient, LicenseRecipientError, Passphrase, PublicKeyIdentity, PublicKeyRecipient, Recipient,
    ServiceContext, ServiceError, ServiceKey, UnwrapError, WRAPPED_LIMIT, WrapError, symmetric,
    unwrap_license,
};
pub use ovseal_format::share;
pub use ovseal_format::stanza::{Stanza, StanzaError, StanzaType};
pub use ovseal_format::stanza_kind::{RecipientClass, StanzaKind};
pub use ovseal_format::statement::{KeyId, ModelId};
pub use ovseal_format::suite::Suite;
pub use ovseal_memory::{LateFailureHandler, Layout as MemoryLayout, Secret};

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
