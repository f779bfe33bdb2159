//! Unmodified programs load sealed models by path, and compute the same as with plaintext.

use ovseal_testkit::{has_fuse, has_namespaces};

use crate::support::Bench;

/// Loads a network by path, infers once, and prints a digest of the outputs.
const NETWORK: &str = "\
import sys, hashlib, numpy as np, openvino as ov
core = ov.Core()
compiled = core.compile_model(core.read_model(sys.argv[1]), 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
def values(port):
    shape = [1 if size.is_dynamic else size.get_length() for size in port.partial_shape]
    count = int(np.prod(shape))
    return (np.arange(count) % 97 / 97).astype(port.element_type.to_dtype()).reshape(shape)
outputs = compiled([values(port) for port in compiled.inputs])
print(hashlib.sha256(b''.join(outputs[port].tobytes() for port in compiled.outputs)).hexdigest())
";

/// Generates with a pipeline that takes nothing but a directory, and prints the text.
const PIPELINE: &str = "\
import sys, openvino_genai
pipeline = openvino_genai.LLMPipeline(sys.argv[1], 'CPU')
print(repr(str(pipeline.generate('the cat sat on', max_new_tokens=12, do_sample=False, ignore_eos=True))))
";

fn routes() -> Vec<&'static str> {
    let mut routes = vec!["memfd", "dir:/dev/shm"];
    if has_namespaces() {
        routes.push("ramfs");
        if has_fuse() {
            routes.push("fuse");
        }
    }
    routes
}

/// Runs a Python script with one argument, in plaintext and by every route.
fn equal_by_every_route(bench: &Bench, script: &str, plain: &str, inside: &str, routes: &[&str]) {
    bench.write("load.py", script.as_bytes());
    bench.done("keygen --publisher -o acme");
    bench.done(&format!("seal {plain} -o m.ovseal --name m --keyfile key --publisher-key acme.key"));
    let run = |line: String| {
        let outcome = bench.script(&format!("PYTHONDONTWRITEBYTECODE=1 {line}"));
        assert_eq!(outcome.code, Some(0), "{line}: {outcome:?}");
        assert!(!outcome.stdout.is_empty(), "{line}: {outcome:?}");
        outcome.stdout
    };
    let expected = run(format!("\"$OVSEAL_TEST_PYTHON\" load.py {plain}"));
    for route in routes {
        let exec =
            format!("\"$OVSEAL\" exec m.ovseal --keyfile key --publisher acme.pub --via {route} --strict");
        let exec = if matches!(*route, "ramfs" | "fuse") { exec } else { exec.replace(" --strict", "") };
        let found = run(format!("{exec} -- \"$OVSEAL_TEST_PYTHON\" load.py {inside}"));
        assert_eq!(found, expected, "{route}");
    }
}

#[test]
fn openvino_loads_a_network_by_path_with_equal_outputs() {
    let bench = Bench::with_models();
    equal_by_every_route(&bench, NETWORK, "models/conv/model.xml", "{}/model.xml", &routes());
}

#[test]
fn openvino_loads_onnx_with_external_data_by_path_with_equal_outputs() {
    let bench = Bench::with_models();
    // OpenVINO resolves the links of memfd, and then finds no file.
    let routes: Vec<_> = routes().into_iter().filter(|route| *route != "memfd").collect();
    equal_by_every_route(&bench, NETWORK, "models/onnx-external/model.onnx", "{}/model.onnx", &routes);
}

#[test]
fn genai_generates_the_same_from_a_directory() {
    let bench = Bench::with_models();
    let llama = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testkit/llm/tiny-llama");
    std::os::unix::fs::symlink(llama, bench.path("llama")).unwrap();
    equal_by_every_route(&bench, PIPELINE, "llama", "{}", &routes());
}
