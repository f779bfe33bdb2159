//! Seals a model as its publisher, then opens and runs it as the device.
//!
//! ```sh
//! pip install openvino
//! cargo run --release -p hello_sealed -- model.xml model.ovseal
//! ```

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};

use ovseal::{
    Model, ModelName, ModelOptions, OpenOptions, PublicKeyIdentity, PublicKeyRecipient, Publisher,
    PublisherKey, SealOptions, Trust,
};
use ovseal_openvino::{
    Compilation, Core, Dimension, Environment, Opening, PartialShape, Port, Runtime, Tensor,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [model, container] = &arguments[..] else { return Err("usage: hello_sealed MODEL CONTAINER".into()) };

    // In practice, these are two programs, and neither owner shares the secret half of a key pair.
    let device = PublicKeyIdentity::generate()?;
    let publisher = PublisherKey::generate()?;

    seal(model, container, &device.recipient(), &publisher)?;
    run(container, &device, publisher.publisher().clone())
}

/// Seals the model. The publisher does this once for each version.
fn seal(model: &Path, container: &Path, device: &PublicKeyRecipient, publisher: &PublisherKey) -> Result<()> {
    let model = Model::find(model, ModelOptions::default())?;
    let options = SealOptions::new(ModelName::parse("hello")?).recipient(device).publisher(publisher);
    let sealed = options.replace(true).seal(&model, container)?;
    println!("sealed {} bytes", sealed.length);
    Ok(())
}

/// Opens and runs the model. The device does this at every start.
///
/// The model is decrypted only in memory, while OpenVINO compiles it.
fn run(container: &Path, device: &PublicKeyIdentity, publisher: Publisher) -> Result<()> {
    let options = OpenOptions::new(Trust::Publishers(vec![publisher])).name(ModelName::parse("hello")?);
    let opened = options.open(container, &[device])?;

    let runtime = Runtime::locate(None, &Environment::from_process())?;
    let core = Core::new(&runtime)?;
    let compiled = core.compile_sealed(&opened, &Compilation::on("CPU"), Opening::Auto)?;

    let mut request = compiled.create_request()?;
    for (index, input) in compiled.inputs().iter().enumerate() {
        request.set_input(index, Tensor::new(&runtime, input.element_type, &extents(input))?)?;
    }
    request.infer()?;
    for (index, output) in compiled.outputs().iter().enumerate() {
        println!("{}: {} bytes", output.name, request.output(index)?.bytes().len());
    }
    Ok(())
}

/// Returns the input's shape, with 1 for each dynamic dimension.
fn extents(input: &Port) -> Vec<usize> {
    let PartialShape::Ranked(dimensions) = &input.shape else { return Vec::new() };
    let extent = |dimension: &Dimension| match dimension {
        Dimension::Fixed(extent) => *extent,
        Dimension::Dynamic { .. } => 1,
    };
    dimensions.iter().map(extent).collect()
}
