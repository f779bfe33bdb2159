//! `ovseal run`: opens a model in memory only and infers.

mod cache;
mod described;
mod inputs;
mod memory;
mod npy;
mod outputs;
mod report;
mod seeded;
mod subject;
mod words;

use std::time::Instant;

use ovseal_openvino::{CompiledModel, Core, Environment, InferRequest, Runtime};

use crate::args::RunArgs;
use crate::errors::{CommandError, not_located};
use crate::ui::Output;
use cache::Cache;
use described::{Described, sha256};
use inputs::Fed;
use outputs::Places;
use report::{Report, Run, Seconds};
use subject::Subject;

pub(super) fn run(args: &RunArgs, output: &mut Output) -> Result<(), CommandError> {
    let process = Instant::now();
    let subject = Subject::find(args)?;
    let shows_words = args.show_detail || !subject.is_sealed();
    infer(args, &subject, process, output).map_err(|error| words::explained(error, shows_words))
}

fn infer(
    args: &RunArgs,
    subject: &Subject<'_>,
    process: Instant,
    output: &mut Output,
) -> Result<(), CommandError> {
    let runtime = Runtime::locate(args.openvino.as_deref(), &Environment::from_process());
    let runtime = runtime.map_err(not_located)?;
    let core = Core::new(&runtime)?;
    core.load_device(&args.device).map_err(|error| words::no_device(&core, error))?;
    let files = inputs::read_files(&args.inputs)?;
    let cache = Cache::open(args, output);
    let mut seconds = Seconds::default();
    // The clock starts here: the runtime and the device's plugin are loaded, the model is not opened yet.
    let total = Instant::now();
    let loaded = subject.load(&core, &cache, &mut seconds, output)?;
    let compiled = &loaded.compiled;
    let places = args.output.as_deref().map(|folder| Places::find(folder, compiled.outputs())).transpose()?;
    let mut request = compiled.create_request()?;
    let fed = inputs::feed(&runtime, &mut request, &args.shapes, files)?;
    seconds.time(|seconds| &mut seconds.first_inference, || request.infer())?;
    seconds.time_to_first_inference = total.elapsed().as_secs_f64();
    // What is still to be exported would only be decrypted once more.
    if !loaded.is_to_be_kept() {
        compiled.release_weights();
    }
    let settled = memory::resident();
    seconds.later_inferences = infer_again(&mut request, args.iterations - 1)?;
    seconds.process = process.elapsed().as_secs_f64();
    let inputs = fed.into_iter().map(Fed::describe).collect();
    let outputs = described(&request)?;
    if let Some(places) = places {
        places.write(&request)?;
    }
    let kept = seconds.time(|seconds| &mut seconds.cache_store, || cache.keep(&loaded, output));
    let payload_read = subject.is_sealed().then_some(!loaded.is_hit);
    let run = Run { seconds, settled, cache: kept, payload_read, inputs, outputs };
    let report = Report::new(args, subject, &runtime, run);
    report.write(args.json, output)
}

/// Infers `count` times more and gives the seconds of each.
fn infer_again(request: &mut InferRequest, count: u32) -> Result<Vec<f64>, CommandError> {
    let mut infer = || {
        let start = Instant::now();
        request.infer()?;
        Ok(start.elapsed().as_secs_f64())
    };
    (0..count).map(|_| infer()).collect()
}

/// The outputs as the report names them.
fn described(request: &InferRequest) -> Result<Vec<Described>, CommandError> {
    let compiled: &CompiledModel = request.compiled();
    let describe = |(index, port): (usize, &ovseal_openvino::Port)| {
        let view = request.output(index)?;
        Ok(Described::new(&port.name, view.shape(), view.element_type(), sha256([view.bytes()])))
    };
    compiled.outputs().iter().enumerate().map(describe).collect()
}
