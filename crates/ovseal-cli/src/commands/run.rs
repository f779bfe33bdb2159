//! `ovseal run`: opens a model in memory only, and runs inferences.

mod cache;
mod described;
mod inputs;
mod memory;
mod npy;
mod options;
mod outputs;
mod report;
mod sealed;
mod seeded;
mod size;
mod strict;
mod subject;
mod words;

use std::time::Instant;

use ovseal_openvino::{CompiledModel, Core, Environment, InferRequest, Runtime};

use crate::errors::{CommandError, not_located};
use crate::ui::Output;
use described::{Described, sha256};
use inputs::Fed;
use outputs::Places;
use report::{Report, Seconds};
use subject::Subject;

pub(crate) use options::RunArgs;

pub(super) fn run(args: &RunArgs, output: &mut Output) -> Result<(), CommandError> {
    let process = Instant::now();
    let subject = Subject::find(args)?;
    let shows_words = args.show_detail || !subject.is_sealed();
    infer(args, subject, process, output).map_err(|error| words::explained(error, shows_words))
}

fn infer(
    args: &RunArgs,
    subject: Subject<'_>,
    process: Instant,
    output: &mut Output,
) -> Result<(), CommandError> {
    let runtime = Runtime::locate(args.openvino.as_deref(), &Environment::from_process());
    let runtime = runtime.map_err(not_located)?;
    let core = Core::new(&runtime)?;
    core.load_device(&args.device).map_err(|error| words::no_device(&core, error))?;
    let files = inputs::read_files(&args.inputs)?;
    let cache = cache::open(args, output);
    let mut seconds = Seconds::default();
    // The clock starts here, after the runtime and the plugin are loaded and before the model is
    // opened.
    let total = Instant::now();
    let (loaded, origin) = subject.load(&core, cache.as_ref(), &mut seconds, output)?;
    let compiled = &loaded.model;
    let places = args.output.as_deref().map(|folder| Places::find(folder, compiled.outputs())).transpose()?;
    let mut request = compiled.create_request()?;
    let fed = inputs::feed(&runtime, &mut request, &args.shapes, files)?;
    seconds.time(|seconds| &mut seconds.first_inference_s, || request.infer())?;
    seconds.time_to_first_inference_s = total.elapsed().as_secs_f64();
    // An export would decrypt released weights again.
    if loaded.empty_slot.is_none() {
        compiled.release_weights();
    }
    let rss_settled_bytes = memory::resident();
    seconds.later_inference_s = median(infer_again(&mut request, args.iterations - 1)?);
    memory::warn_if_short(compiled, output);
    seconds.process_s = process.elapsed().as_secs_f64();
    let inputs = fed.into_iter().map(Fed::describe).collect();
    let outputs = described(&request)?;
    if let Some(places) = places {
        places.write(&request)?;
    }
    let cache = seconds.time(|seconds| &mut seconds.cache_store_s, || cache::store(args, &loaded, output));
    let payload_read = origin.is_sealed.then_some(!loaded.is_cached);
    let report = Report::new(args, &origin, &runtime);
    Report { seconds, rss_settled_bytes, cache, payload_read, inputs, outputs, ..report }
        .write(args.json, output)
}

/// Runs `count` more inferences and returns the seconds that each took.
fn infer_again(request: &mut InferRequest, count: u32) -> Result<Vec<f64>, CommandError> {
    let mut infer = || {
        let start = Instant::now();
        request.infer()?;
        Ok(start.elapsed().as_secs_f64())
    };
    (0..count).map(|_| infer()).collect()
}

fn median(mut seconds: Vec<f64>) -> Option<f64> {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied()
}

/// Describes the outputs for the report.
fn described(request: &InferRequest) -> Result<Vec<Described>, CommandError> {
    let compiled: &CompiledModel = request.compiled();
    let describe = |(index, port): (usize, &ovseal_openvino::Port)| {
        let view = request.output(index)?;
        Ok(Described::new(&port.name, view.shape(), view.element_type(), sha256([view.bytes()])))
    };
    compiled.outputs().iter().enumerate().map(describe).collect()
}
