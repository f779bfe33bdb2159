//! Changes the keys of a container.

use std::path::PathBuf;

use ovseal::{OnWaiting, RekeyOptions, StanzaSummary};
use pyo3::prelude::*;

use crate::background::{self, Meter};
use crate::container::warn_if_unsigned;
use crate::failure::{failed, usage};
use crate::keys::Keys;
use crate::requirements;
use crate::verify::Stanza;

/// The stanzas of a container after a rekeying.
#[pyclass(frozen, get_all, module = "ovseal")]
pub(crate) struct Rekeyed {
    /// The new generation of the stanzas.
    generation: u64,
    /// The new number of stanzas.
    stanzas: usize,
    /// The stanzas that were added, including those of an interrupted rekeying that was completed
    /// first.
    added: Vec<Stanza>,
    /// The stanzas that were removed.
    removed: Vec<Stanza>,
}

#[pymethods]
impl Rekeyed {
    fn __repr__(&self) -> String {
        format!("<ovseal.Rekeyed: generation {} with {} stanzas>", self.generation, self.stanzas)
    }
}

/// Change the keys that open a container, without touching its payload.
///
/// A crash at any moment leaves either the old keys or the new ones. Removing a stanza does not
/// revoke access: an old copy of the container still opens.
///
/// Args:
///     path: The container.
///     key: A key or several that open it; by default this device's own.
///     publisher: As for `open`, and for the same reason: rekeying vouches for the container.
///     add: The recipients to add, as for `seal`.
///     remove: The stanzas to remove, by their index in the list that `inspect` returns.
///     expect_generation: The generation to which ``remove`` refers; fails if it has changed.
///     allow_mixed: Allow post-quantum and classical recipients in one container.
///     waiting: Decides about pending stanzas in ``path`` + ``.rekey``, if a rekeying may not adopt
///         them on its own. ``None`` raises `NotAuthenticError`, ``"discard"`` removes them,
///         ``"finish"`` adopts them. With a decision, nothing else needs to change.
///     kdf_limit: As for `open`.
///
/// Returns:
///     The container's new stanzas.
///
/// Raises:
///     Error: One of its subclasses.
#[pyfunction]
#[pyo3(signature = (path, *, key = None, publisher = None, add = None, remove = Vec::new(), expect_generation = None, allow_mixed = false, waiting = None, kdf_limit = None))]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub(crate) fn rekey(
    py: Python<'_>,
    path: PathBuf,
    key: Option<&Bound<'_, PyAny>>,
    publisher: Option<&Bound<'_, PyAny>>,
    add: Option<&Bound<'_, PyAny>>,
    remove: Vec<usize>,
    expect_generation: Option<u64>,
    allow_mixed: bool,
    waiting: Option<&str>,
    kdf_limit: Option<u32>,
) -> PyResult<Rekeyed> {
    let trust = requirements::trust(publisher)?;
    let added = add.map(Keys::sealing).transpose()?;
    let keys = Keys::opening(py, key)?.with_callbacks_of(added.as_ref());
    let mut options =
        RekeyOptions::new().trust(trust).allow_mixed(allow_mixed).on_waiting(on_waiting(waiting)?);
    if let Some(mib) = kdf_limit {
        options = options.kdf_limit(mib);
    }
    if let Some(added) = &added {
        options = added.key().recipients().into_iter().fold(options, RekeyOptions::add_recipient);
    }
    if let Some(generation) = expect_generation {
        options = options.expect_generation(generation);
    }
    options = remove.into_iter().fold(options, RekeyOptions::remove_stanza);
    let rekeyed = background::run(py, &Meter::default(), || options.rekey(&path, &keys.key().identities()))?;
    let rekeyed = rekeyed.map_err(|error| keys.failed(py, error))?;
    if publisher.is_none() {
        let claimed = py.detach(|| ovseal::Inspection::of(&path)).map_err(failed)?.publishers;
        warn_if_unsigned(py, &claimed, 1)?;
    }
    let stanzas = |summaries: &[StanzaSummary]| summaries.iter().map(Stanza::from).collect();
    let (added, removed) = (stanzas(&rekeyed.added), stanzas(&rekeyed.removed));
    Ok(Rekeyed { generation: rekeyed.generation, stanzas: rekeyed.stanzas, added, removed })
}

fn on_waiting(word: Option<&str>) -> PyResult<OnWaiting> {
    match word {
        None => Ok(OnWaiting::Refuse),
        Some("discard") => Ok(OnWaiting::Discard),
        Some("finish") => Ok(OnWaiting::Finish),
        Some(_) => Err(usage("waiting must be None, \"discard\" or \"finish\"")),
    }
}
