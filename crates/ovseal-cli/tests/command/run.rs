//! `ovseal run`, with the real runtime.

use serde_json::Value;

use crate::support::Bench;

/// A signed container of one of the set-up's models, with keys and the models next to it.
fn sealed(name: &str) -> Bench {
    let bench = Bench::with_models();
    bench.done("keygen --publisher -o acme");
    let line = format!("seal models/{name} -o m.ovseal --keyfile key --publisher-key acme.key --name m");
    bench.done(&line);
    bench
}

const RUN: &str = "run m.ovseal --keyfile key --publisher acme.pub --name m";

#[test]
fn every_format_computes_sealed_what_it_computes_in_plaintext() {
    for name in [
        "conv/model.xml",
        "mlp/model.xml",
        "mask/model.xml",
        "onnx/model.onnx",
        "onnx-external/model.onnx",
        "onnx-branches-files/model.onnx",
        "paddle/model.pdmodel",
    ] {
        let bench = sealed(name);
        let plaintext = bench.json(&format!("run models/{name}"));
        let sealed = bench.json(RUN);
        for field in ["inputs", "outputs", "device", "openvino"] {
            assert_eq!(sealed[field], plaintext[field], "{name}: {field}");
        }
        assert_eq!((&sealed["sealed"], &plaintext["sealed"]), (&Value::Bool(true), &Value::Bool(false)));
    }
}

#[test]
fn the_report_has_its_fields() {
    let report = sealed("mask/model.xml").json(&format!("{RUN} --iterations 3"));
    for field in [
        "open_s",
        "read_model_s",
        "compile_s",
        "first_inference_s",
        "time_to_first_inference_s",
        "later_inference_s",
        "process_s",
    ] {
        assert!(report[field].as_f64().is_some_and(|seconds| seconds > 0.0), "{field}");
    }
    let bytes = |field: &str| report[field].as_u64().unwrap();
    assert!(bytes("rss_peak_bytes") >= bytes("rss_settled_bytes") && bytes("rss_settled_bytes") > 1 << 20);
    let input = &report["inputs"][0];
    assert!(input["name"].is_string() && input["type"].is_string() && input["shape"].is_array());
    assert_eq!(input["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(report["publisher"].as_str().unwrap().len(), 64);
}

#[test]
fn a_memory_budget_changes_no_output_and_needs_a_container() {
    for name in ["conv/model.xml", "onnx/model.onnx", "paddle/model.pdmodel"] {
        let bench = sealed(name);
        let [usual, bounded] = [RUN, &format!("{RUN} --memory-budget 1K")].map(|line| bench.json(line));
        assert_eq!(usual["outputs"], bounded["outputs"], "{name}");
        assert_eq!(bench.run(&format!("run models/{name} --memory-budget 1K")).code, Some(2));
    }
}

#[test]
fn shapes_and_files_reach_the_model_and_outputs_come_back() {
    let bench = sealed("mlp/model.xml");
    let first = bench.json(&format!("{RUN} --shape ids=1,5 --output ."));
    assert_eq!(first["inputs"][0]["shape"], serde_json::json!([1, 5]));
    assert_eq!(first["outputs"][0]["shape"][1], 5);
    let name = format!("{}.npy", first["outputs"][0]["name"].as_str().unwrap());
    let script = "import numpy, sys; y = numpy.load(sys.argv[1]); assert y.shape[1] == 5; numpy.save('ids.npy', numpy.full((1, 3), 7))";
    let python = bench.script(&format!("\"$OVSEAL_TEST_PYTHON\" -c \"{script}\" {name}"));
    assert_eq!(python.code, Some(0), "is OVSEAL_TEST_PYTHON set? {python:?}");
    let second = bench.json(&format!("{RUN} --input ids=ids.npy"));
    assert_eq!(second["inputs"][0]["shape"], serde_json::json!([1, 3]));
}

#[test]
fn outputs_that_cannot_be_written_are_refused_before_anything_is_computed() {
    let bench = sealed("conv/model.xml");
    bench.write("y.npy", b"precious");
    // Otherwise, an input rejected when it is set would be reported first.
    bench.write("x.npy", &npy("<f8", "(1, 3, 32, 32)", 8 * 3 * 32 * 32));
    let run = format!("{RUN} --input x=x.npy --output");
    bench.fails(&format!("{run} ."), 2, &["ovseal: error: ./y.npy already exists"]);
    assert_eq!(bench.read("y.npy"), b"precious");
    for place in ["y.npy", "y.npy/below"] {
        let error = format!("ovseal: error: cannot write {place}: ");
        let outcome = bench.run(&format!("{run} {place}"));
        assert!(outcome.code == Some(1) && outcome.stderr.starts_with(&error), "{outcome:?}");
    }
}

/// A NumPy file with this type, shape and number of zero bytes.
fn npy(element_type: &str, shape: &str, length: usize) -> Vec<u8> {
    let header = format!("{{'descr': '{element_type}', 'fortran_order': False, 'shape': {shape}, }}");
    let header = format!("{header:<117}\n");
    [&b"\x93NUMPY\x01\x00\x76\x00"[..], header.as_bytes(), &vec![0; length]].concat()
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let bench = sealed("conv/model.xml");
    bench.fails(
        &format!("{RUN} --shape y=1"),
        2,
        &["ovseal: error: the model has no input y", "ovseal: hint: its inputs: x"],
    );
    bench.write("x.npy", b"no array");
    let error =
        "ovseal: error: cannot read x.npy: not an array of numbers in C order, as numpy.save writes it";
    bench.fails(&format!("{RUN} --input x=x.npy"), 2, &[error]);
    let error = "ovseal: error: cannot read none.npy: No such file or directory (os error 2)";
    bench.fails(&format!("{RUN} --input x=none.npy"), 1, &[error]);
    bench.write("x.npy", &npy("<f8", "(1, 3, 32, 32)", 8 * 3 * 32 * 32));
    let error = "ovseal: error: the input x requires f32[1,3,32,32], but its file has f64[1, 3, 32, 32]";
    bench.fails(&format!("{RUN} --input x=x.npy"), 2, &[error]);
}

#[test]
fn a_shape_that_the_model_cannot_have_is_the_callers_mistake() {
    sealed("conv/model.xml").fails(
        &format!("{RUN} --shape x=1,5,32,32"),
        2,
        &[
            "ovseal: error: OpenVINO could not reshape the model: a shape does not fit",
            "ovseal: hint: the model does not support the shapes of --shape",
            "ovseal: hint: use --show-detail to see OpenVINO's own message, which may quote the model",
        ],
    );
}

#[test]
fn every_name_of_an_input_is_accepted_and_the_directory_for_outputs_is_made() {
    const NAMED: &str = "<net name=\"n\" version=\"11\"><layers>\
        <layer id=\"0\" name=\"x\" type=\"Parameter\" version=\"opset1\"><data shape=\"?,4\" element_type=\"f32\"/>\
        <output><port id=\"0\" precision=\"FP32\" names=\"a_alias,input.1,x\"><dim>-1</dim><dim>4</dim></port></output></layer>\
        <layer id=\"1\" name=\"r\" type=\"ReLU\" version=\"opset1\"><input><port id=\"0\"/></input>\
        <output><port id=\"1\" precision=\"FP32\" names=\"y\"/></output></layer>\
        <layer id=\"2\" name=\"z\" type=\"Result\" version=\"opset1\"><input><port id=\"0\"/></input></layer></layers>\
        <edges><edge from-layer=\"0\" from-port=\"0\" to-layer=\"1\" to-port=\"0\"/>\
        <edge from-layer=\"1\" from-port=\"1\" to-layer=\"2\" to-port=\"0\"/></edges></net>";
    let bench = Bench::new();
    bench.write("m.xml", NAMED.as_bytes());
    bench.write("m.bin", b"");
    bench.write("x.npy", &npy("<f4", "(3, 4)", 4 * 3 * 4));
    bench.done("seal m.xml -o m.ovseal --keyfile key");
    for model in ["m.xml", "m.ovseal --keyfile key --any-sender"] {
        for name in ["a_alias", "input.1", "x"] {
            let fed =
                bench.json(&format!("run {model} --input {name}=x.npy --output out/{name}/{}", model.len()));
            assert_eq!(fed["inputs"][0]["shape"], Value::from(vec![3, 4]), "{model} {name}");
            let shaped = bench.json(&format!("run {model} --shape {name}=5,4"));
            assert_eq!(shaped["outputs"][0]["shape"], Value::from(vec![5, 4]), "{model} {name}");
        }
        assert_eq!(bench.run(&format!("run {model} --shape other=5,4")).code, Some(2));
    }
    assert!(bench.exists("out/input.1"));
}

#[test]
fn a_directory_needs_the_part_and_a_container_without_network_cannot_be_run() {
    let bench = sealed("folder");
    let outcome = bench.run(RUN);
    assert_eq!((outcome.code, outcome.stderr.contains("--part PATH")), (Some(2), true), "{outcome:?}");
    bench.done(&format!("{RUN} --part openvino_model.xml"));
    let outcome = bench.run(&format!("{RUN} --part config.json"));
    assert_eq!(outcome.code, Some(6), "{outcome:?}");
    bench.done("seal net.bin -o bin.ovseal --keyfile key");
    assert_eq!(bench.run("run bin.ovseal --keyfile key").code, Some(6));
}

#[test]
fn a_changed_container_is_not_run() {
    let bench = sealed("conv/model.xml");
    bench.flip("m.ovseal", 4096 + 65_536 + 8192 + 100);
    let error = "ovseal: error: m.ovseal: chunk 0 of model.bin is not authentic";
    bench.fails(RUN, 3, &[error, "ovseal: hint: get the container again from its publisher"]);
}

#[test]
fn demands_are_met_before_anything_runs() {
    let bench = sealed("mask/model.xml");
    bench.done("keygen --publisher -o other");
    for (line, code) in [
        ("run m.ovseal --keyfile key --publisher other.pub", 5),
        ("run m.ovseal --keyfile key --publisher acme.pub --name other", 5),
        ("run m.ovseal --keyfile key --publisher acme.pub --min-security-version 1", 5),
        ("run m.ovseal --keyfile key --publisher acme.pub --rollback-state none", 5),
        ("run m.ovseal --keyfile key --strict", 5),
        ("run m.ovseal --keyfile key --name m", 2),
        ("run net.bin", 6),
        ("run none.ovseal", 1),
        ("run m.ovseal", 4),
    ] {
        let outcome = bench.run(line);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(code), ""), "{line}: {outcome:?}");
    }
    bench.done(&format!("{RUN} --strict"));
}

#[test]
fn a_newer_version_shuts_out_the_older_one() {
    let bench = Bench::with_models();
    bench.done("keygen --publisher -o acme");
    bench.done("rollback-state -o state");
    for version in [1, 2] {
        let line = format!(
            "-o v{version}.ovseal --keyfile key --publisher-key acme.key --name m --security-version {version}"
        );
        bench.done(&format!("seal models/mask/model.xml {line}"));
    }
    let run =
        |version| format!("run v{version}.ovseal --keyfile key --publisher acme.pub --rollback-state state");
    bench.done(&run(1));
    bench.done(&run(2));
    let outcome = bench.run(&run(1));
    assert_eq!(
        (outcome.code, outcome.stderr.contains("security version 1 is below 2")),
        (Some(5), true),
        "{outcome:?}"
    );
}

#[test]
fn a_missing_runtime_and_a_missing_device_are_reported() {
    let bench = sealed("mask/model.xml");
    let outcome = bench.run(&format!("{RUN} --openvino /none"));
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.starts_with("ovseal: error: OpenVINO was not found\n"), "{outcome:?}");
    assert!(
        outcome.stderr.contains("/none") && outcome.stderr.contains("pip install openvino"),
        "{outcome:?}"
    );
    let outcome = bench.run(&format!("{RUN} --device NONE"));
    let error = "ovseal: error: OpenVINO could not load the device: the device is not available\n\
                 ovseal: hint: devices here: CPU";
    assert_eq!((outcome.code, outcome.stderr.contains(error)), (Some(1), true), "{outcome:?}");
}

#[test]
fn openvinos_words_are_shown_of_plaintext_and_of_sealed_models_when_asked() {
    let bench = sealed("conv/model.xml");
    let topology = String::from_utf8(bench.read("models/conv/model.xml")).unwrap();
    bench.write("m.xml", topology.replacen("type=\"Convolution\"", "type=\"Geheim\"", 1).as_bytes());
    bench.write("m.bin", &bench.read("models/conv/model.bin"));
    let plaintext = bench.run("run m.xml");
    let error =
        "ovseal: error: OpenVINO could not read the model: it needs an operation that is not supported";
    assert_eq!(plaintext.stderr.lines().next(), Some(error));
    let words = "ovseal: detail: Opset opset1 doesn't contain the operation with type: Geheim";
    assert!(plaintext.stderr.lines().any(|line| line == words), "{plaintext:?}");
    bench.done("seal m.xml -o geheim.ovseal --keyfile key");
    let line = "run geheim.ovseal --keyfile key --any-sender";
    let quiet = bench.run(line);
    assert_eq!(quiet.code, Some(1), "{quiet:?}");
    assert!(!quiet.stderr.contains("Geheim") && quiet.stderr.contains("--show-detail"), "{quiet:?}");
    assert!(bench.run(&format!("{line} --show-detail")).stderr.contains(words));
}

/// Exports one of the set-up's models from the device, and seals the export.
fn exported(name: &str) -> Bench {
    let bench = Bench::with_models();
    let script = "import openvino as ov, sys; core = ov.Core(); model = core.compile_model(sys.argv[1], 'CPU'); \
        open('m.blob', 'wb').write(model.export_model().getvalue())";
    let python = bench.script(&format!("\"$OVSEAL_TEST_PYTHON\" -c \"{script}\" models/{name}"));
    assert_eq!(python.code, Some(0), "is OVSEAL_TEST_PYTHON set? {python:?}");
    bench.done("seal m.blob -o m.ovseal --keyfile key --name m");
    bench
}

#[test]
fn a_compiled_model_computes_sealed_what_its_network_computes() {
    for name in ["conv/model.xml", "mlp/model.xml"] {
        let bench = exported(name);
        let plaintext = bench.json(&format!("run models/{name}"));
        let imported = bench.json("run m.ovseal --keyfile key");
        assert_eq!(imported["outputs"], plaintext["outputs"], "{name}");
        assert_eq!((&imported["opening"], &imported["sealed"]), (&Value::from("eager"), &Value::Bool(true)));
    }
}

#[test]
fn a_compiled_model_keeps_its_shapes() {
    let bench = exported("mlp/model.xml");
    let line = "run m.ovseal --keyfile key --any-sender --shape ids=1,5";
    bench.fails(
        line,
        2,
        &["ovseal: error: the shapes of a compiled model are fixed", "ovseal: hint: leave out --shape"],
    );
}

#[test]
fn inspect_says_device_version_and_age_of_a_compiled_model() {
    let bench = exported("conv/model.xml");
    let shown = bench.done("inspect m.ovseal --keyfile key").stdout;
    let line = shown.lines().last().unwrap().trim();
    assert!(line.starts_with("CPU, OpenVINO 2") && line.ends_with(", less than a day old"), "{shown}");
    let facts = bench.json("inspect m.ovseal --keyfile key");
    let part = &facts["opened"]["parts"][0];
    assert_eq!((&part["kind"], &part["compiled"]["device"]), (&Value::from("compiled"), &Value::from("CPU")));
    assert!(part["compiled"]["openvino"].is_string() && part["compiled"]["time"].is_u64());
}
