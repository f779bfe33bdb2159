//! The C++ interface with OpenVINO, in programs under AddressSanitizer.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::process::Command;

use common::{CXX, OPENVINO, model, seal, sealed, succeed};
use ovseal::{Model, ModelName, ModelOptions, Passphrase, SealOptions};

#[test]
fn the_tour_of_the_cxx_interface_succeeds() {
    let directory = tempfile::tempdir().unwrap();
    let program = CXX.sanitized("cpp/tour.cpp", directory.path());
    succeed(Command::new(program).arg(model("conv/model.xml")).arg(directory.path()));
}

#[test]
fn sealed_models_of_every_format_compute_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let program = OPENVINO.sanitized("cpp/same.cpp", directory.path());
    let formats = [
        "conv/model.xml",
        "mlp/model.xml",
        "onnx/model.onnx",
        "onnx-conv/model.onnx",
        "onnx-external/model.onnx",
        "paddle/model.pdmodel",
    ];
    for format in formats {
        succeed(Command::new(&program).arg(model(format)).arg(sealed(format, directory.path())));
    }
}

#[test]
fn weights_live_as_long_as_what_reads_them_in_every_order_of_letting_go() {
    let directory = tempfile::tempdir().unwrap();
    let program = OPENVINO.sanitized("cpp/lifetimes.cpp", directory.path());
    for network in ["conv/model.xml", "mlp/model.xml"] {
        let container = sealed(network, directory.path());
        let cache = container.with_extension("cache");
        succeed(Command::new(&program).arg(model(network)).arg(container).arg(cache));
    }
}

#[test]
fn sealed_compiled_models_are_imported_and_live_as_long_as_what_reads_them() {
    let directory = tempfile::tempdir().unwrap();
    let program = OPENVINO.sanitized("cpp/imported.cpp", directory.path());
    let empty = directory.path().join("empty.blob");
    std::fs::write(&empty, "").unwrap();
    let empty = seal(&empty, &directory.path().join("empty.ovseal"));
    for network in ["conv/model.xml", "mlp/model.xml"] {
        let blob = directory.path().join(network.replace('/', "-")).with_extension("blob");
        succeed(Command::new(&program).arg(model(network)).arg(&blob));
        let container = seal(&blob, &blob.with_extension("ovseal"));
        let mut import = Command::new(&program);
        import.arg(model(network)).arg(blob).arg(container);
        succeed(import.arg(sealed(network, directory.path())).arg(&empty));
    }
}

#[test]
fn compiled_models_are_cached_sealed() {
    let directory = tempfile::tempdir().unwrap();
    let program = OPENVINO.sanitized("cpp/cache.cpp", directory.path());
    let (topology, weights) = (model("conv/model.xml"), model("conv/model.bin"));
    let (container, cache) = (sealed("conv/model.xml", directory.path()), directory.path().join("compiled"));
    succeed(Command::new(program).arg(topology).arg(weights).arg(container).arg(cache));
}

#[test]
fn rejected_calls_leave_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let program = OPENVINO.sanitized("cpp/refusals.cpp", directory.path());
    let container = sealed("conv/model.xml", directory.path());
    let damaged = directory.path().join("damaged");
    let mut bytes = std::fs::read(&container).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    let unfit = directory.path().join("unfit.xml");
    std::fs::write(&unfit, "<net name=\"secret\" version=\"99\"/>").unwrap();
    std::fs::write(unfit.with_extension("bin"), "weights").unwrap();
    let unfit = seal(&unfit, &directory.path().join("unfit.ovseal"));
    let mut refusals = Command::new(program);
    refusals
        .arg(container)
        .arg(damaged)
        .arg(sealed("folder", directory.path()))
        .arg(unfit)
        .arg(directory.path());
    succeed(&mut refusals);
}

#[test]
fn the_sample_of_openvinos_guide_works_unchanged() {
    const PASSWORD: &str = "C&_passwd";
    let directory = tempfile::tempdir().unwrap();
    let program = OPENVINO.sanitized("cpp/guide.cpp", directory.path());
    let only = |file: &str| {
        let found =
            Model::find(&model(file), ModelOptions { only: true, ..ModelOptions::default() }).unwrap();
        let key = Passphrase::from_bytes(PASSWORD.as_bytes()).unwrap();
        let container = directory.path().join(file.replace('/', "-"));
        let options = SealOptions::new(ModelName::parse("model").unwrap()).recipient(&key);
        options.seal(&found, &container).unwrap();
        container
    };
    let (topology, weights) = (only("conv/model.xml"), only("conv/model.bin"));
    succeed(Command::new(program).arg(PASSWORD).arg(topology).arg(weights).arg(model("conv/model.xml")));
}

#[test]
fn openings_with_openvino_leave_memory_flat() {
    let cycles = std::env::var("OVSEAL_SOAK_CYCLES").unwrap_or("300".into());
    let directory = tempfile::tempdir().unwrap();
    let program = OPENVINO.optimized("cpp/cycles.cpp", directory.path());
    println!("{}", succeed(Command::new(program).arg(sealed("mlp/model.xml", directory.path())).arg(cycles)));
}

#[test]
fn the_double_of_openvino_genai_loads_a_sealed_directory_from_memory() {
    let directory = tempfile::tempdir().unwrap();
    let program = OPENVINO.doubled("cpp/genai.cpp", directory.path());
    let llm = directory.path().join("llm");
    std::fs::create_dir(&llm).unwrap();
    for name in ["openvino_model", "openvino_tokenizer", "openvino_detokenizer"] {
        for extension in ["xml", "bin"] {
            let file = format!("{name}.{extension}");
            std::fs::copy(model("folder").join(&file), llm.join(&file)).unwrap();
        }
    }
    std::fs::write(llm.join("generation_config.json"), "{\"max_new_tokens\": 7}").unwrap();
    std::fs::write(llm.join("chat_template.jinja"), "{{ messages }}").unwrap();
    let container = seal(&llm, &directory.path().join("llm.ovseal"));
    succeed(Command::new(program).arg(container).arg(llm));
}
