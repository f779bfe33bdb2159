//! Finds the data key with the caller's identities.

mod plan;
mod requirements;
mod sender;

use ovseal_format::crypto::data_key::{FittingKey, Label};
use ovseal_format::recipient::Context;
use ovseal_format::recipient::{Identity, UnwrapError};
use ovseal_format::stanza::Stanza;
use ovseal_format::stanza_region::StanzaRegion;

use crate::container::Container;
use crate::container::side_file::SideFile;
use crate::error::{OpenError, Section};
pub(crate) use plan::KdfLimit;
use plan::Plan;
pub(crate) use requirements::Requirements;
use sender::Sender;

/// A key that fits, with the stanzas that it authenticates.
pub(crate) struct Unlocked {
    pub(crate) key: FittingKey,
    pub(crate) region: StanzaRegion,
    pub(crate) side: Option<SideFile>,
    /// Number of the stanza that held the key, from 0, or `None` if the stanza was in the side
    /// file.
    pub(crate) stanza: Option<usize>,
}

/// The caller's keys, and how much key derivation they may do.
pub(crate) struct Keyring<'k> {
    pub(crate) identities: &'k [&'k dyn Identity],
    pub(crate) limit: KdfLimit,
}

/// Finds the data key with one of the caller's identities, then checks the MACs over the stanza
/// region and the side file.
///
/// A second region may lie next to the container, left by an interrupted rekeying, or planted. The
/// newer region is tried first, then the other, so a planted file cannot prevent the container from
/// being opened. Keys derived from passphrases live as long as `context`.
pub(crate) fn unlock(
    container: &Container,
    context: &Context,
    sender: &Sender<'_>,
    keyring: &Keyring<'_>,
) -> Result<Unlocked, OpenError> {
    let side = SideFile::read(container)?;
    let side_region = side.as_ref().map(|side| &side.region);
    let candidates = sender.check(container.candidates()?, side_region)?;
    // The derivations of the container's own region count first: a planted file must not use up the
    // limit.
    let own_and_side = candidates.own.iter().chain(side_region);
    let plan = keyring.plan(own_and_side.chain(&candidates.waiting));
    let search = Search { container, context, side: side.as_ref(), keyring, plan };
    let mut failure = None;
    for region in candidates.newest_first() {
        match search.unlock_region(region) {
            Ok((key, stanza)) => {
                let region = region.clone();
                return Ok(Unlocked { key, region, side, stanza });
            }
            Err(error) => failure = Some(prefer(failure, error)),
        }
    }
    Err(failure.unwrap_or(OpenError::Damaged(Section::Stanzas)))
}

/// Returns the first failure, unless it only says that no key fits.
fn prefer(earlier: Option<OpenError>, later: OpenError) -> OpenError {
    match earlier {
        Some(earlier) if !matches!(earlier, OpenError::NoKeyFits { .. }) => earlier,
        _ => later,
    }
}

impl Keyring<'_> {
    /// Decides which key derivations are allowed, before the first of them is done.
    fn plan<'b>(&self, regions: impl Iterator<Item = &'b StanzaRegion>) -> Plan {
        let mut plan = Plan::new(self.limit);
        for stanza in regions.flat_map(|region| &region.stanzas) {
            for (number, identity) in self.of_kind(stanza) {
                identity
                    .derivation(stanza)
                    .into_iter()
                    .for_each(|derivation| plan.count((number, derivation)));
            }
        }
        plan
    }

    /// Returns the identities that can unwrap stanzas of this type, with their numbers.
    fn of_kind(&self, stanza: &Stanza) -> impl Iterator<Item = (usize, &dyn Identity)> {
        let kind = stanza.stanza_type().as_str().to_owned();
        let numbered = self.identities.iter().copied().enumerate();
        numbered.filter(move |(_, identity)| identity.stanza_type() == kind)
    }
}

/// One search for a key that fits.
struct Search<'s> {
    container: &'s Container,
    context: &'s Context,
    side: Option<&'s SideFile>,
    keyring: &'s Keyring<'s>,
    plan: Plan,
}

impl Search<'_> {
    fn unlock_region(&self, region: &StanzaRegion) -> Result<(FittingKey, Option<usize>), OpenError> {
        let side_stanzas = self.side.map_or(&[][..], |side| &side.region.stanzas);
        let (key, position) = self.find_key(side_stanzas.iter().chain(&region.stanzas))?;
        if let Some(side) = self.side {
            side.authenticate(&key)?;
        }
        let authentic = region.is_authentic(&key, Label::StanzaMac, &[]);
        // `None` if the stanza is in the side file.
        let number = position.checked_sub(side_stanzas.len());
        if authentic { Ok((key, number)) } else { Err(OpenError::NotAuthentic(Section::Stanzas)) }
    }

    /// Returns the first key that fits, and the position of its stanza.
    ///
    /// The failure of an identity is reported only if no other identity fits.
    fn find_key<'s>(
        &self,
        stanzas: impl Iterator<Item = &'s Stanza> + Clone,
    ) -> Result<(FittingKey, usize), OpenError> {
        let mut failure = None;
        for (number, identity) in self.keyring.identities.iter().enumerate() {
            let kind = identity.stanza_type();
            let ours = |(_, stanza): &(usize, &Stanza)| stanza.stanza_type().as_str() == kind;
            for (position, stanza) in stanzas.clone().enumerate().filter(ours) {
                match self.unwrap(number, *identity, stanza) {
                    Ok(Some(key)) => return Ok((key, position)),
                    Ok(None) => {}
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
        }
        let failure = failure.map(OpenError::Unwrap).or_else(|| self.plan.error());
        Err(failure.unwrap_or_else(|| no_key_fits(stanzas)))
    }

    /// Returns the key in a stanza if it fits. Skips a stanza whose key derivation exceeds the
    /// limit.
    fn unwrap(
        &self,
        number: usize,
        identity: &dyn Identity,
        stanza: &Stanza,
    ) -> Result<Option<FittingKey>, UnwrapError> {
        let derivation = identity.derivation(stanza);
        if derivation.is_some_and(|derivation| !self.plan.allows(&(number, derivation))) {
            return Ok(None);
        }
        let key = identity.unwrap(stanza, self.context)?;
        Ok(key.and_then(|key| key.fit(&self.container.prologue)))
    }
}

fn no_key_fits<'s>(stanzas: impl Iterator<Item = &'s Stanza>) -> OpenError {
    let mut kinds: Vec<String> = stanzas.map(|stanza| stanza.stanza_type().to_string()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    OpenError::NoKeyFits { stanzas: kinds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ModelId, RekeyOptions, Trust, testing};
    use ovseal_format::recipient::{Argon2Cost, KeyFile, Passphrase};

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::from_bytes(text.as_bytes()).unwrap().with_cost(Argon2Cost::new(64, 1, 1).unwrap())
    }

    /// A container for a passphrase, next to a newer region with the same stanza.
    fn sealed_twice(folder: &std::path::Path) -> Container {
        let words = passphrase("words");
        let path = testing::seal(folder, b"weights", &testing::options().recipient(&words));
        let sealed = std::fs::read(&path).unwrap();
        let another = KeyFile::generate().unwrap();
        RekeyOptions::new().add_recipient(&another).rekey(&path, &[&words]).unwrap();
        let region = &std::fs::read(&path).unwrap()[4096..4096 + 65_536];
        std::fs::write(&path, sealed).unwrap();
        let container = Container::open(&path).unwrap();
        let plant = testing::planted_rekey_file(container.prologue.container_id, region);
        std::fs::write(folder.join("m.ovseal.rekey"), plant).unwrap();
        container
    }

    /// Returns whether the passphrases open the container, and how many derivations that took.
    fn unlocked(container: &Container, texts: &[&str]) -> (bool, usize) {
        let passphrases: Vec<Passphrase> = texts.iter().map(|text| passphrase(text)).collect();
        let identities: Vec<&dyn Identity> = passphrases.iter().map(|each| each as &dyn Identity).collect();
        let context = Context::new(&container.prologue, ModelId::of("m"));
        let keyring = Keyring { identities: &identities, limit: KdfLimit::default() };
        let statement = container.authenticate(&Trust::AnySender).unwrap();
        let sender = Sender::new(&Trust::AnySender, &statement);
        (unlock(container, &context, &sender, &keyring).is_ok(), context.derivations.count())
    }

    #[test]
    fn equal_salt_and_cost_are_derived_once_for_each_passphrase() {
        let folder = tempfile::tempdir().unwrap();
        let container = sealed_twice(folder.path());
        let candidates = container.candidates().unwrap();
        assert!(candidates.own.is_some() && candidates.waiting.is_some());
        // A wrong passphrase is tried with both regions.
        assert_eq!(unlocked(&container, &["wrong"]), (false, 1));
        assert_eq!(unlocked(&container, &["wrong", "words"]), (true, 2));
        assert_eq!(unlocked(&container, &["words"]), (true, 1));
    }
}
