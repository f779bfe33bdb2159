//! Seals models into containers, and lists the files that would be sealed.

use std::path::{Path, PathBuf};

use ovseal::{Model, ModelName, ModelOptions, PartEntry, PublisherKey, SealError, SealOptions, Suite};
use ovseal_frontend::{Code, Failure, Origin};
use pyo3::prelude::*;

use crate::background::{self, Meter};
use crate::failure::{failed, raise, usage};
use crate::keys::Keys;
use crate::requirements::{self, each};
use crate::warnings;

/// A container that was sealed.
#[pyclass(frozen, get_all, module = "ovseal")]
pub(crate) struct Sealed {
    /// The container's random id, in hexadecimal.
    container_id: String,
    /// The length of the container in bytes.
    length: u64,
}

/// The files that `seal` would seal.
#[pyclass(frozen, get_all, module = "ovseal")]
pub(crate) struct Plan {
    /// The files that would become parts, in the order of the container.
    parts: Vec<PlannedPart>,
    /// The files and directories that would be left out, relative to the model's directory.
    left_out: Vec<PathBuf>,
}

/// A file that would become a part.
#[pyclass(frozen, get_all, module = "ovseal")]
#[derive(Clone)]
pub(crate) struct PlannedPart {
    /// Its path in the container.
    path: String,
    /// One of ``ir``, ``onnx``, ``paddle``, ``compiled``, ``weights``, ``file``, ``other``.
    kind: &'static str,
    /// Its length in bytes.
    length: u64,
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

/// Seal a model into a container, which appears complete or not at all.
///
/// Args:
///     model: A model file, which is sealed with its companion files, or a directory.
///     output: The path of the new container.
///     recipients: The keys that can open it: a `Key`, a string such as ``age1…``, or several of
///         them.
///     publisher_key: The private key to sign with: its path, or its bytes, or several.
///     name: The model's name; by default derived from its file name.
///     security_version: The security version. Devices can require a minimum.
///     suite: The cryptographic suite, 1 or 2.
///     only: Seal only this file: no companion files, and no check that OpenVINO can load it from
///         memory.
///     follow_symlinks: Follow symbolic links inside the model; by default they are rejected.
///     exclude: A gitignore pattern, or several, of files to leave out of a directory. Files that
///         no model needs, and those that ``.ovsealignore`` matches, are also left out.
///     include_everything: Leave out only what ``exclude`` matches.
///     allow_mixed: Allow post-quantum and classical recipients in one container.
///     replace: Replace an existing container. No other file is ever replaced.
///     threads: The number of threads; by default one per processor, at most 16.
///     progress: Called as ``progress(done, total)`` from time to time, in bytes of the model. An
///         exception from it cancels the sealing.
///
/// Returns:
///     The container's id and length.
///
/// Raises:
///     Error: One of its subclasses.
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
    let suite = Suite::from_number(suite).ok_or_else(|| usage("suite must be 1 or 2"))?;
    let (keys, threads) = (Keys::sealing(recipients)?, requirements::threads(threads)?);
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
    let sealed = background::run(py, &meter, || options.seal(&model, &output))?;
    let sealed = sealed.map_err(|error| {
        let path = output.display().to_string();
        let names_it = !matches!(error, SealError::Write(_));
        let failure = Failure::from(error);
        let causes = [vec![path], failure.causes.clone()].concat();
        keys.failed(py, if names_it { failure } else { Failure { causes, ..failure } })
    })?;
    Ok(Sealed { container_id: sealed.container_id.to_string(), length: sealed.length })
}

/// List the files that `seal` would seal, and write nothing.
///
/// The arguments are those of `seal` that select files. The exceptions about the model are also the
/// same, such as for a private key in its directory.
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

fn publisher(key: &Bound<'_, PyAny>) -> PyResult<(PublisherKey, Option<Origin>)> {
    let (text, origin) = requirements::pem(key)?;
    origin.iter().try_for_each(|origin| warnings::exposed(key.py(), origin))?;
    Ok((PublisherKey::parse(&text).map_err(failed)?, origin))
}

fn patterns(exclude: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<String>> {
    exclude.map_or(Ok(Vec::new()), |patterns| each(patterns, |pattern| pattern.extract::<String>()))
}

fn model_name(model: &Model, name: Option<&str>) -> PyResult<ModelName> {
    match name {
        Some(name) => ModelName::parse(name).map_err(failed),
        None => model.default_name().ok_or_else(|| {
            raise(
                Failure::new(Code::Usage, "the model's file name is not a valid model name")
                    .with_hint("pass name="),
            )
        }),
    }
}
