//! The data key and everything that is derived from it (`docs/format.md` §3).

use aws_lc_rs::{constant_time, hkdf, hmac, rand};
use ovseal_memory::{Exposed, Parked, Secret};

use super::kdf;
use crate::prologue::{Binding, Prologue};

/// The random key of one container; it wraps nothing but that container and is never used for another.
///
/// It lives in secret memory and is zeroized when dropped. Stanzas hold it wrapped for each recipient.
#[derive(Debug)]
pub struct DataKey(Parked<Secret<32>>);

/// A data key that fits a container: the commitment in the prologue is its own.
#[derive(Debug)]
pub struct FittingKey {
    key: DataKey,
    binding: Binding,
}

/// What a derived secret is for. Each has its own label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// The commitment in the prologue.
    Commit,
    /// The MAC of the stanza region.
    StanzaMac,
    /// The MAC of a side file.
    SidefileMac,
    /// The MAC of the file of a rekeying.
    RekeyMac,
    /// The MAC of the trailer.
    TrailerMac,
    /// The manifest's key and base nonce.
    Manifest,
    /// Key and base nonce of the part with this number.
    Part(u32),
}

impl DataKey {
    /// A fresh random key.
    ///
    /// # Errors
    /// Only if the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomnessError> {
        let secret = Secret::try_from_fn(|bytes| rand::fill(bytes)).map_err(|_| RandomnessError)?;
        Ok(Self(Parked::new(secret)))
    }

    /// A data key from the 32 bytes that a stanza gave.
    ///
    /// This is for implementations of [`Identity`](crate::Identity). Whether the key fits is decided later.
    pub fn from_fn(fill: impl FnOnce(&mut [u8; 32])) -> Self {
        Self(Parked::new(Secret::from_fn(fill)))
    }

    /// The key itself. This is for implementations of [`Recipient`](crate::Recipient), which wrap it.
    pub fn expose(&self) -> Exposed<'_, Secret<32>> {
        self.0.expose()
    }

    /// The commitment to this key in a container, which goes into its prologue.
    pub fn commitment(&self, binding: &Binding) -> [u8; 32] {
        let mut commitment = [0; 32];
        self.derive(binding, Label::Commit, &mut commitment);
        commitment
    }

    /// The key as one that fits, if the commitment of `prologue` is its own.
    pub fn fit(self, prologue: &Prologue) -> Option<FittingKey> {
        let binding = prologue.binding();
        let fits =
            constant_time::verify_slices_are_equal(&self.commitment(&binding), &prologue.commitment).is_ok();
        (fits || crate::WITHOUT_AUTHENTICATION).then_some(FittingKey { key: self, binding })
    }

    fn derive(&self, binding: &Binding, label: Label, output: &mut [u8]) {
        let index = label.index().to_be_bytes();
        let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA512, &*self.0.expose());
        let info = [b"ovseal/v1/", label.text(), &[0], binding.as_bytes(), &index];
        kdf::expand(&prk, &info, output);
    }
}

impl FittingKey {
    /// Fills `output` with the secret of this label.
    pub fn derive(&self, label: Label, output: &mut [u8]) {
        self.key.derive(&self.binding, label, output);
    }

    /// The MAC of this label over `pieces`: HMAC-SHA-256.
    pub fn mac(&self, label: Label, pieces: &[&[u8]]) -> [u8; 32] {
        let mut begun = self.begin_mac(label);
        pieces.iter().for_each(|piece| begun.update(piece));
        begun.finish()
    }

    /// Begins a MAC of this label over bytes that come in pieces.
    pub fn begin_mac(&self, label: Label) -> BegunMac {
        let secret = Secret::<32>::from_fn(|bytes| self.derive(label, bytes));
        BegunMac(hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose())))
    }

    /// Whether `mac` is the MAC of this label over `pieces`, in constant time.
    ///
    /// Builds for fuzzing let every MAC pass, so that the parsers behind it are reached.
    pub fn mac_is(&self, label: Label, pieces: &[&[u8]], mac: &[u8]) -> bool {
        let mut begun = self.begin_mac(label);
        pieces.iter().for_each(|piece| begun.update(piece));
        begun.is(mac)
    }

    /// The data key, to wrap it for one more recipient.
    pub fn data_key(&self) -> &DataKey {
        &self.key
    }
}

/// A MAC over bytes that come in pieces: HMAC-SHA-256.
pub struct BegunMac(hmac::Context);

impl BegunMac {
    /// Appends `piece` to the input.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    fn finish(self) -> [u8; 32] {
        let mut mac = [0; 32];
        mac.copy_from_slice(self.0.sign().as_ref());
        mac
    }

    /// Compares with `mac` in constant time. Builds for fuzzing let every MAC pass.
    pub fn is(self, mac: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.finish(), mac).is_ok() || crate::WITHOUT_AUTHENTICATION
    }
}

impl Label {
    const fn text(self) -> &'static [u8] {
        match self {
            Self::Commit => b"commit",
            Self::StanzaMac => b"stanza-mac",
            Self::SidefileMac => b"sidefile-mac",
            Self::RekeyMac => b"rekey-mac",
            Self::TrailerMac => b"trailer-mac",
            Self::Manifest => b"manifest",
            Self::Part(_) => b"part",
        }
    }

    const fn index(self) -> u32 {
        if let Self::Part(index) = self { index } else { 0 }
    }
}

/// The operating system gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no randomness")]
pub struct RandomnessError;

/// An array of random bytes that need not stay secret: salts and ids.
pub fn random_array<const N: usize>() -> Result<[u8; N], RandomnessError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| RandomnessError)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::ChunkSize;
    use crate::prologue::ContainerId;
    use crate::suite::Suite;

    fn prologue(key: &DataKey) -> Prologue {
        let mut prologue = Prologue {
            suite: Suite::Blake3,
            chunk_size: ChunkSize::SMALL,
            region_length: 4096,
            container_id: ContainerId([1; 32]),
            commitment: [0; 32],
        };
        prologue.commitment = key.commitment(&prologue.binding());
        prologue
    }

    #[test]
    fn another_key_does_not_fit() {
        let prologue = prologue(&DataKey::from_fn(|bytes| bytes.fill(1)));
        assert!(DataKey::from_fn(|bytes| bytes.fill(1)).fit(&prologue).is_some());
        assert!(DataKey::from_fn(|bytes| bytes.fill(2)).fit(&prologue).is_none());
    }

    #[test]
    fn labels_and_part_numbers_give_different_secrets() {
        let key = DataKey::from_fn(|bytes| bytes.fill(1));
        let prologue = prologue(&key);
        let key = key.fit(&prologue).unwrap();
        let labels = [
            Label::Commit,
            Label::StanzaMac,
            Label::SidefileMac,
            Label::RekeyMac,
            Label::TrailerMac,
            Label::Manifest,
        ];
        let secrets: std::collections::BTreeSet<[u8; 32]> = labels
            .into_iter()
            .chain([Label::Part(0), Label::Part(1)])
            .map(|label| key.mac(label, &[b"same"]))
            .collect();
        assert_eq!(secrets.len(), 8);
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", DataKey::from_fn(|bytes| bytes.fill(0xab)));
        insta::assert_snapshot!(shown, @"DataKey(Parked(..))");
    }
}
