//! Sealing models, and other keys for what is sealed.

use std::path::{Path, PathBuf};

use ovseal::{
    Model, ModelName, ModelOptions, OnWaiting, PartEntry, PublisherKey, RekeyOptions, SealError, SealOptions,
    StanzaSummary, Suite,
};
use ovseal_frontend::{Code, Failure, Origin};
use pyo3::prelude::*;

use crate::checking::Stanza;
use crate::container::warn_if_unsigned;
use crate::demands::{self, each};
use crate::failure::{failed, raise};
use crate::keys::Keys;
use crate::warnings;
use crate::work::{self, Meter};

/// What a sealing made.
#[pyclass(frozen, get_all, module = "ovseal")]
pub(crate) struct Sealed {
    /// The container's random name, in hexadecimal digits.
    container_id: String,
    /// Length of the container in bytes.
    length: u64,
}

/// What a sealing would make.
#[pyclass(frozen, get_all, module = "ovseal")]
pub(crate) struct Plan {
    /// The files that would become parts, in the order of the container.
    parts: Vec<PlannedPart>,
    /// The files and folders that would be left out, by their paths in the model's folder.
    left_out: Vec<PathBuf>,
}

/// A file that would become a part.
#[pyclass(frozen, get_all, module = "ovseal")]
#[derive(Clone)]
pub(crate) struct PlannedPart {
    /// Its path in the container.
    path: String,
    /// What it is to the model: `ir`, `onnx`, `paddle`, `weights`, `file` or another word.
    kind: &'static str,
    /// Its length in bytes.
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
impl Plan {
    fn __repr__(&self) -> String {
        format!("<ovseal.Plan: {} parts, {} left out>", self.parts.len(), self.left_out.len())
    }
}

#[pymethods]
impl PlannedPart {
    fn __repr__(&self) -> String {
        format!("<ovseal.PlannedPart {:?}: {}, {} bytes>", self.path, self.kind, self.length)
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
/// `progress(done, total)` is called now and then with bytes of the model. Of a folder some names are left out that no model needs, what
/// a file `.ovsealignore` matches, and what `exclude` matches, a pattern or several in the syntax of gitignore; `plan` shows it.
#[pyfunction]
#[pyo3(signature = (model, output, *, recipients, publisher_key = None, name = None, security_version = 0, suite = 1, only = false, follow_symlinks = false, exclude = None, include_everything = false, allow_mixed = false, replace = false, threads = None, progress = None))]
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
    exclude: Option<&Bound<'_, PyAny>>,
    include_everything: bool,
    allow_mixed: bool,
    replace: bool,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Sealed> {
    let publishers = publisher_key.map(|keys| each(keys, publisher)).transpose()?.unwrap_or_default();
    let (publishers, origins): (Vec<_>, Vec<_>) = publishers.into_iter().unzip();
    let suite =
        Suite::from_number(suite).ok_or_else(|| raise(Failure::new(Code::Usage, "a suite is 1 or 2")))?;
    let (keys, threads) = (Keys::sealing(recipients)?, demands::threads(threads)?);
    let options = ModelOptions { only, follow_symlinks, exclude: patterns(exclude)?, include_everything };
    let model = py.detach(|| Model::find(&model, options)).map_err(failed)?;
    let meter = Meter::new(model.total_length(), progress);
    let advance = |bytes| meter.advance(bytes);
    let mut options = SealOptions::new(model_name(&model, name)?)
        .security_version(security_version)
        .suite(suite)
        .allow_mixed(allow_mixed)
        .replace(replace)
        .progress(&advance);
    let origins = origins.iter().flatten().chain(keys.key().origins());
    options = origins.map(Origin::file).fold(options, SealOptions::read_file);
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
    Ok(Sealed { container_id: sealed.container_id.to_string(), length: sealed.length })
}

/// Finds out what `seal` would seal, and writes nothing.
///
/// It fails where `seal` would fail because of the model, such as for a private key in its folder.
#[pyfunction]
#[pyo3(signature = (model, *, only = false, follow_symlinks = false, exclude = None, include_everything = false))]
pub(crate) fn plan(
    py: Python<'_>,
    model: PathBuf,
    only: bool,
    follow_symlinks: bool,
    exclude: Option<&Bound<'_, PyAny>>,
    include_everything: bool,
) -> PyResult<Plan> {
    let options = ModelOptions { only, follow_symlinks, exclude: patterns(exclude)?, include_everything };
    let model = py.detach(|| Model::find(&model, options)).map_err(failed)?;
    let part = |part: &PartEntry| PlannedPart {
        path: part.path.as_str().to_owned(),
        kind: part.kind.word(),
        length: part.length,
    };
    let left_out = model.left_out().map(Path::to_owned).collect();
    Ok(Plan { parts: model.parts().map(part).collect(), left_out })
}

/// Gives a container other keys, without touching its payload: a crash at any moment leaves the old or the new ones.
///
/// `add` are keys or texts as in `seal`; `remove` are positions in what `inspect` lists, of the generation `expect_generation`.
/// Removing a stanza revokes nothing: whoever kept an old copy still opens it. Rekeying vouches for the container, so it needs a
/// `publisher` as `open` does.
///
/// `waiting` decides about stanzas that wait in `path` + `.rekey` and that a rekeying may not take
/// over by itself: `None` raises `NotAuthenticError`, `"discard"` removes them, and `"finish"`
/// takes them over. With a decision, nothing else needs to change.
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
    let trust = demands::trust(publisher)?;
    let added = add.map(Keys::sealing).transpose()?;
    let keys = Keys::opening(py, key)?.beside(added.as_ref());
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
    let rekeyed = work::run(py, &Meter::new(0, None), || options.rekey(&path, &keys.key().identities()))?;
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
        Some(_) => Err(raise(Failure::new(Code::Usage, "waiting is None, \"discard\" or \"finish\""))),
    }
}

fn publisher(key: &Bound<'_, PyAny>) -> PyResult<(PublisherKey, Option<Origin>)> {
    let (text, origin) = demands::text(key)?;
    origin.iter().try_for_each(|origin| warnings::exposed(key.py(), origin))?;
    Ok((PublisherKey::parse(&text).map_err(failed)?, origin))
}

/// One pattern, or several.
fn patterns(exclude: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<String>> {
    exclude.map_or(Ok(Vec::new()), |patterns| each(patterns, |pattern| pattern.extract::<String>()))
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
