//! The data key and the secrets derived from it (`docs/format.md` §3).

use aws_lc_rs::{constant_time, hkdf, hmac};
use ovseal_memory::{Exposed, Parked, Secret};

use super::kdf;
use crate::prologue::{Binding, Prologue};
use crate::random::{RandomnessError, random_secret};

/// The random key of one container, never reused.
///
/// It is kept in secret memory and zeroized when dropped. Each stanza holds it, wrapped for one
/// recipient.
#[derive(Debug)]
pub struct DataKey(Parked<Secret<32>>);

/// A data key that fits a container: it matches the commitment in the prologue.
#[derive(Debug)]
pub struct FittingKey {
    key: DataKey,
    binding: Binding,
}

/// The purpose of a derived secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// The commitment in the prologue.
    Commit,
    /// The MAC of the stanza region.
    StanzaMac,
    /// The MAC of a side file.
    SidefileMac,
    /// The MAC of a rekeying file.
    RekeyMac,
    /// The MAC of the trailer.
    TrailerMac,
    /// Key and nonce of the manifest.
    Manifest,
    /// Key and base nonce of the part with this number.
    Part(u32),
}

impl DataKey {
    /// Creates a random key.
    ///
    /// # Errors
    /// [`RandomnessError`] if the operating system provides no random bytes.
    pub fn generate() -> Result<Self, RandomnessError> {
        Ok(Self(Parked::new(random_secret()?)))
    }

    /// Creates a data key from the 32 bytes that `fill` writes, as unwrapped from a stanza.
    ///
    /// This is for implementations of [`Identity`](crate::recipient::Identity). [`fit`](Self::fit)
    /// decides later whether the key fits.
    pub fn from_fn(fill: impl FnOnce(&mut [u8; 32])) -> Self {
        Self(Parked::new(Secret::from_fn(fill)))
    }

    /// Makes the 32 bytes readable until the result is dropped.
    ///
    /// This is for implementations of [`Recipient`](crate::recipient::Recipient), which wrap them.
    pub fn expose(&self) -> Exposed<'_, Secret<32>> {
        self.0.expose()
    }

    /// Returns the commitment to this key for the prologue of a container.
    pub fn commitment(&self, binding: &Binding) -> [u8; 32] {
        let mut commitment = [0; 32];
        self.derive(binding, Label::Commit, &mut commitment);
        commitment
    }

    /// Returns the key as a [`FittingKey`] if it matches the commitment in `prologue`.
    ///
    /// Commitments are compared in constant time. In builds for fuzzing, every key fits.
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
    /// Fills `output` with the secret for `label`.
    pub fn derive(&self, label: Label, output: &mut [u8]) {
        self.key.derive(&self.binding, label, output);
    }

    /// Returns the HMAC-SHA-256 of `pieces` under the secret for `label`.
    pub fn mac(&self, label: Label, pieces: &[&[u8]]) -> [u8; 32] {
        self.mac_over(label, pieces).finish()
    }

    /// Starts a MAC under the secret for `label`, over bytes that arrive in pieces.
    pub fn begin_mac(&self, label: Label) -> BegunMac {
        let secret = Secret::<32>::from_fn(|bytes| self.derive(label, bytes));
        BegunMac(hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose())))
    }

    /// Returns true if `mac` is the [`mac`](Self::mac) of `pieces`. See [`BegunMac::is`].
    pub fn mac_is(&self, label: Label, pieces: &[&[u8]], mac: &[u8]) -> bool {
        self.mac_over(label, pieces).is(mac)
    }

    fn mac_over(&self, label: Label, pieces: &[&[u8]]) -> BegunMac {
        let mut begun = self.begin_mac(label);
        pieces.iter().for_each(|piece| begun.update(piece));
        begun
    }

    /// Returns the data key, to wrap it for another recipient.
    pub fn data_key(&self) -> &DataKey {
        &self.key
    }
}

/// An HMAC-SHA-256 over bytes that arrive in pieces.
pub struct BegunMac(hmac::Context);

impl BegunMac {
    /// Appends `piece` to the input.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    fn finish(self) -> [u8; 32] {
        *self.0.sign().as_ref().first_chunk().expect("HMAC-SHA-256 has 32 bytes")
    }

    /// Returns true if the result is `mac`.
    ///
    /// The comparison takes constant time. In builds for fuzzing, every MAC passes.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{data_key, fitting_key, prologue};

    #[test]
    fn another_key_does_not_fit() {
        let prologue = prologue(&data_key(1));
        assert!(data_key(1).fit(&prologue).is_some());
        assert!(data_key(2).fit(&prologue).is_none());
    }

    #[test]
    fn secrets_differ_by_label_and_part_number() {
        let key = fitting_key();
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
        let shown = format!("{:?}", data_key(0xab));
        insta::assert_snapshot!(shown, @"DataKey(Parked(..))");
    }
}
