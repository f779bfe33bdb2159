//! A case: a model and its inputs.

use std::error::Error;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use ovseal::{KeyFile, Model, ModelName, ModelOptions, OpenOptions, SealOptions, Trust};
use ovseal_openvino::{
    Compilation, CompiledModel, Core, ElementType, InferRequest, Opening, Runtime, Tensor, TensorError,
};
use serde::{Deserialize, Serialize};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A model, and the tensors of each data set.
pub(crate) struct Case {
    folder: PathBuf,
    sets: Vec<Vec<Fed>>,
}

/// The outcome of a case.
pub(crate) enum Outcome {
    /// The runtime cannot read, compile or run the plaintext.
    Refused(Box<dyn Error>),
    /// Two runs of the plaintext differ.
    Unstable,
    /// The plaintext runs, and the sealed model computes the same bytes.
    Same,
    /// The plaintext runs, but the sealed model computes different bytes.
    Different,
    /// The plaintext runs, but the sealed model does not.
    Failed(Box<dyn Error>),
}

/// The outputs of two runs of the plaintext, and the runtime's names of its inputs.
struct Plaintext {
    names: Vec<String>,
    outputs: Vec<Given>,
    again: Vec<Given>,
}

/// An input.
struct Fed {
    name: String,
    element_type: ElementType,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

#[derive(Deserialize)]
struct Description {
    sets: Vec<Vec<Place>>,
}

#[derive(Deserialize)]
struct Place {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    shape: Vec<usize>,
    offset: usize,
    length: usize,
}

/// An output.
#[derive(PartialEq, Eq, Serialize)]
struct Given {
    #[serde(rename = "type")]
    kind: &'static str,
    shape: Vec<usize>,
    #[serde(skip)]
    bytes: Vec<u8>,
}

/// Returns the names of the cases in a directory, in order.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.join("case.json").exists() {
            names.extend(path.file_name().and_then(|name| name.to_str()).map(str::to_owned));
        }
    }
    names.sort();
    Ok(names)
}

impl Case {
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let description: Description = serde_json::from_slice(&fs::read(folder.join("case.json"))?)?;
        let data = fs::read(folder.join("data.raw"))?;
        let fed = |place: Place| {
            let bytes = data.get(place.offset..place.offset + place.length).ok_or("data.raw is too short")?;
            let element_type =
                TYPES.into_iter().find(|found| found.name() == place.kind).ok_or("unknown type")?;
            Ok(Fed { name: place.name, element_type, shape: place.shape, bytes: bytes.to_vec() })
        };
        let sets = description.sets.into_iter().map(|set| set.into_iter().map(fed).collect());
        Ok(Self { folder: folder.to_owned(), sets: sets.collect::<Result<_>>()? })
    }

    /// Runs the plaintext twice and the sealed model once, and keeps the plaintext's outputs.
    pub(crate) fn examine(&self, core: &Core, runtime: &Runtime) -> Outcome {
        let plaintext = self.plaintext(core, runtime);
        match plaintext.and_then(|plaintext| self.keep(&plaintext.outputs).map(|()| plaintext)) {
            Err(error) => Outcome::Refused(error),
            Ok(Plaintext { outputs, again, .. }) if outputs != again => Outcome::Unstable,
            Ok(Plaintext { outputs, names, .. }) => match self.sealed(core, runtime, &names) {
                Err(error) => Outcome::Failed(error),
                Ok(sealed) if sealed == outputs => Outcome::Same,
                Ok(_) => Outcome::Different,
            },
        }
    }

    fn plaintext(&self, core: &Core, runtime: &Runtime) -> Result<Plaintext> {
        self.note("plaintext")?;
        let model = core.read_model_from_path(&self.folder.join("model.onnx"))?;
        let compiled = core.compile(&model, DEVICE, PROPERTIES)?;
        let names = self.names(&compiled);
        let outputs = self.run(&compiled, runtime, &names)?;
        let again = self.run(&core.compile(&model, DEVICE, PROPERTIES)?, runtime, &names)?;
        Ok(Plaintext { names, outputs, again })
    }

    fn sealed(&self, core: &Core, runtime: &Runtime, names: &[String]) -> Result<Vec<Given>> {
        self.note("sealed")?;
        let key = KeyFile::generate()?;
        let container = self.folder.join("model.ovseal");
        let model = Model::find(&self.folder.join("model.onnx"), ModelOptions::default())?;
        SealOptions::new(ModelName::parse("case")?).recipient(&key).replace(true).seal(&model, &container)?;
        let opened = OpenOptions::new(Trust::AnySender).open(&container, &[&key])?;
        let properties = PROPERTIES.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let compilation = Compilation { properties: properties.collect(), ..Compilation::on(DEVICE) };
        let compiled = core.compile_sealed(&opened, &compilation, Opening::Auto)?;
        fs::remove_file(container)?;
        self.run(&compiled, runtime, names)
    }

    /// Returns the runtime's names of the inputs. An input passed straight through has the output's
    /// name. An unused input may be missing.
    fn names(&self, compiled: &CompiledModel) -> Vec<String> {
        let (inputs, fed) = (compiled.inputs(), self.sets.first().map_or(&[][..], Vec::as_slice));
        if inputs.len() == fed.len() {
            inputs.iter().map(|port| port.name.clone()).collect()
        } else {
            fed.iter().map(|fed| fed.name.clone()).collect()
        }
    }

    /// Runs each data set, and returns all outputs.
    fn run(&self, compiled: &CompiledModel, runtime: &Runtime, names: &[String]) -> Result<Vec<Given>> {
        let mut outputs = Vec::new();
        for set in &self.sets {
            let mut request = compiled.create_request()?;
            for (fed, name) in set.iter().zip(names) {
                fed.feed(name, &mut request, runtime)?;
            }
            request.infer()?;
            for index in 0..compiled.outputs().len() {
                let output = request.output(index)?;
                let (kind, shape) = (output.element_type().name(), output.shape().to_vec());
                outputs.push(Given { kind, shape, bytes: output.bytes().to_vec() });
            }
        }
        Ok(outputs)
    }

    /// Writes outputs, for comparison with the recorded ones.
    fn keep(&self, outputs: &[Given]) -> Result<()> {
        fs::write(self.folder.join("outputs.json"), serde_json::to_vec(outputs)?)?;
        let bytes: Vec<u8> = outputs.iter().flat_map(|output| output.bytes.iter().copied()).collect();
        Ok(fs::write(self.folder.join("outputs.raw"), bytes)?)
    }

    /// Records the next step, in case that step ends the process.
    fn note(&self, stage: &str) -> Result<()> {
        Ok(fs::write(self.folder.join("stage"), stage)?)
    }
}

impl Fed {
    /// Sets the tensor, unless the model lacks this input: OpenVINO drops unused inputs when it
    /// reads a model from memory.
    fn feed(&self, name: &str, request: &mut InferRequest, runtime: &Runtime) -> Result<()> {
        let mut tensor = Tensor::new(runtime, self.element_type, &self.shape)?;
        if tensor.bytes().len() != self.bytes.len() {
            return Err("a tensor's length does not fit".into());
        }
        tensor.bytes_mut().copy_from_slice(&self.bytes);
        match request.set_input(name, tensor) {
            Err(TensorError::UnknownInput { .. }) => Ok(()),
            outcome => Ok(outcome?),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "refused: {}", chain(&**error)),
            Self::Unstable => f.write_str("unstable"),
            Self::Same => f.write_str("same"),
            Self::Different => f.write_str("different"),
            Self::Failed(error) => write!(f, "failed: {}", chain(&**error)),
        }
    }
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> String {
    let source = |error: &&'e (dyn Error + 'static)| (*error).source();
    let causes = std::iter::successors(Some(error), source);
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

const DEVICE: &str = "CPU";

/// Each inference uses one thread, because the workers share the processors.
const PROPERTIES: &[(&str, &str)] = &[("INFERENCE_NUM_THREADS", "1"), ("INFERENCE_PRECISION_HINT", "f32")];

/// The element types that occur in the cases.
const TYPES: [ElementType; 20] = [
    ElementType::Boolean,
    ElementType::F16,
    ElementType::Bf16,
    ElementType::F32,
    ElementType::F64,
    ElementType::F8e4m3,
    ElementType::F8e5m2,
    ElementType::F8e8m0,
    ElementType::F4e2m1,
    ElementType::I4,
    ElementType::U2,
    ElementType::U4,
    ElementType::I8,
    ElementType::I16,
    ElementType::I32,
    ElementType::I64,
    ElementType::U8,
    ElementType::U16,
    ElementType::U32,
    ElementType::U64,
];
