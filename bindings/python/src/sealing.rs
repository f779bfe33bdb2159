//! Sealing models, and other keys for what is sealed.

use std::path::PathBuf;

use ovseal::{
    Model, ModelName, ModelOptions, OnWaiting, PublisherKey, RekeyOptions, SealError, SealOptions,
    StanzaSummary, Suite, hex,
};
use ovseal_bindings::{Code, Failure};
use pyo3::prelude::*;

use crate::checking::Stanza;
use crate::demands::{self, each};
use crate::failure::{failed, raise};
use crate::keys::Keys;
use crate::work::{self, Meter};

/// What a sealing made.
#[pyclass(frozen, get_all, module = "ovseal")]
pub(crate) struct Sealed {
    /// The container's random name, in hexadecimal digits.
    container_id: String,
    /// Length of the container in bytes.
    length: u64,
}

/// What a rekeying made.
#[pyclass(frozen, get_all, module = "ovseal")]
pub(crate) struct Rekeyed {
    /// The generation of the stanzas now.
    generation: u64,
    /// How many stanzas there are now.
    stanzas: usize,
    /// The stanzas that came, also by an earlier rekeying that was finished.
    added: Vec<Stanza>,
    /// The stanzas that went.
    removed: Vec<Stanza>,
}

#[pymethods]
impl Sealed {
    fn __repr__(&self) -> String {
        format!("<ovseal.Sealed {}: {} bytes>", self.container_id, self.length)
    }
}

#[pymethods]
impl Rekeyed {
    fn __repr__(&self) -> String {
        format!("<ovseal.Rekeyed: generation {} with {} stanzas>", self.generation, self.stanzas)
    }
}

/// Seals the model at `model`, a file with its companions or a folder, into a container at `output`, which appears whole or not at
/// all.
///
/// `recipients` are keys, or texts like `age1…`; `publisher_key` is the path of a publisher's private key, or its bytes, or several.
/// `progress(done, total)` is called now and then with bytes of the model.
#[pyfunction]
#[pyo3(signature = (model, output, *, recipients, publisher_key = None, name = None, security_version = 0, suite = 1, only = false, follow_symlinks = false, allow_mixed = false, replace = false, threads = None, progress = None))]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub(crate) fn seal(
    py: Python<'_>,
    model: PathBuf,
    output: PathBuf,
    recipients: &Bound<'_, PyAny>,
    publisher_key: Option<&Bound<'_, PyAny>>,
    name: Option<&str>,
    security_version: u64,
    suite: u16,
    only: bool,
    follow_symlinks: bool,
    allow_mixed: bool,
    replace: bool,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Sealed> {
    let publishers = publisher_key.map(|keys| each(keys, publisher)).transpose()?.unwrap_or_default();
    let suite =
        Suite::from_number(suite).ok_or_else(|| raise(Failure::new(Code::Usage, "a suite is 1 or 2")))?;
    let (keys, threads) = (Keys::sealing(recipients)?, demands::threads(threads)?);
    let options = ModelOptions { only, follow_symlinks };
    let model = py.detach(|| Model::find(&model, options)).map_err(failed)?;
    let meter = Meter::new(model.total_length(), progress);
    let advance = |bytes| meter.advance(bytes);
    let mut options = SealOptions::new(model_name(&model, name)?)
        .security_version(security_version)
        .suite(suite)
        .allow_mixed(allow_mixed)
        .replace(replace)
        .progress(&advance);
    options = keys.key().recipients().into_iter().fold(options, SealOptions::recipient);
    options = publishers.iter().fold(options, SealOptions::publisher);
    if let Some(threads) = threads {
        options = options.threads(threads);
    }
    let sealed = work::run(py, &meter, || options.seal(&model, &output))?;
    let sealed = sealed.map_err(|error| {
        let path = output.display().to_string();
        let names_it = !matches!(error, SealError::Write(_));
        let failure = Failure::from(error);
        let causes = [vec![path], failure.causes.clone()].concat();
        keys.failed(py, if names_it { failure } else { Failure { causes, ..failure } })
    })?;
    Ok(Sealed { container_id: hex::encode(sealed.container_id.as_bytes()), length: sealed.length })
}

/// Gives a container other keys, without touching its payload: a crash at any moment leaves the old or the new ones.
///
/// `add` are keys or texts as in `seal`; `remove` are positions in what `inspect` lists, of the generation `expect_generation`.
/// Removing a stanza revokes nothing: whoever kept an old copy still opens it.
///
/// `waiting` decides about stanzas that wait in `path` + `.rekey` and that a rekeying may not take
/// over by itself: `None` raises `NotAuthenticError`, `"discard"` removes them, and `"finish"`
/// takes them over. With a decision, nothing else needs to change.
#[pyfunction]
#[pyo3(signature = (path, *, key = None, add = None, remove = Vec::new(), expect_generation = None, allow_mixed = false, waiting = None, kdf_limit = None))]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub(crate) fn rekey(
    py: Python<'_>,
    path: PathBuf,
    key: Option<&Bound<'_, PyAny>>,
    add: Option<&Bound<'_, PyAny>>,
    remove: Vec<usize>,
    expect_generation: Option<u64>,
    allow_mixed: bool,
    waiting: Option<&str>,
    kdf_limit: Option<u32>,
) -> PyResult<Rekeyed> {
    let added = add.map(Keys::sealing).transpose()?;
    let keys = Keys::opening(py, key)?.beside(added.as_ref());
    let mut options = RekeyOptions::new().allow_mixed(allow_mixed).on_waiting(on_waiting(waiting)?);
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
    let rekeyed = work::run(py, &Meter::new(0, None), || options.rekey(&path, &keys.key().identities()))?;
    let rekeyed = rekeyed.map_err(|error| keys.failed(py, error))?;
    let stanzas = |summaries: &[StanzaSummary]| summaries.iter().map(Stanza::from).collect();
    let (added, removed) = (stanzas(&rekeyed.added), stanzas(&rekeyed.removed));
    Ok(Rekeyed { generation: rekeyed.generation, stanzas: rekeyed.stanzas, added, removed })
}

fn on_waiting(word: Option<&str>) -> PyResult<OnWaiting> {
    match word {
        None => Ok(OnWaiting::Refuse),
        Some("discard") => Ok(OnWaiting::Discard),
        Some("finish") => Ok(OnWaiting::Finish),
        Some(_) => Err(raise(Failure::new(Code::Usage, "waiting is None, \"discard\" or \"finish\""))),
    }
}

fn publisher(key: &Bound<'_, PyAny>) -> PyResult<PublisherKey> {
    PublisherKey::parse(&demands::text(key)?).map_err(failed)
}

fn model_name(model: &Model, name: Option<&str>) -> PyResult<ModelName> {
    match name {
        Some(name) => ModelName::parse(name).map_err(failed),
        None => model.default_name().ok_or_else(|| {
            raise(
                Failure::new(Code::Usage, "the model's file name cannot be its name")
                    .with_hint(Some("pass name=")),
            )
        }),
    }
}
