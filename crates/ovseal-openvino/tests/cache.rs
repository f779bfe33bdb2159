//! No model is written to disk, regardless of properties and environment.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute only")]

mod common;

use std::path::Path;
use std::process::Command;

use common::{CONV, core, set_up};
use ovseal_openvino::{Environment, LocateError, NetworkError, Runtime};

#[test]
fn a_property_with_a_cache_folder_is_refused_wherever_it_hides() {
    let core = core();
    let model = core.read_model_from_path(&CONV.path()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let nested = format!("{{CPU:{{CACHE_DIR:{path}}}}}");
    for (name, value) in [
        ("CACHE_DIR", path),
        ("CACHE_DIR", ""),
        ("CACHE_PATH", path),
        ("NPUW_CACHE_DIR", path),
        ("DEVICE_PROPERTIES", &nested),
    ] {
        let refused = core.compile(&model, "CPU", &[(name, value)]).err();
        assert!(matches!(refused, Some(NetworkError::WritesModel { name: refused }) if refused == name));
    }
    assert_eq!(files_below(folder.path()), 0);
}

#[test]
fn a_variable_that_makes_the_runtime_write_models_is_refused() {
    for name in ["OV_ENABLE_SERIALIZE_TRACING", "OV_ENABLE_VISUALIZE_TRACING", "OPENVINO_HETERO_VISUALIZE"] {
        let environment = Environment::default().with(name, "true");
        let refused = Runtime::locate(Some(&set_up("OVSEAL_OPENVINO")), &environment).err();
        assert!(matches!(refused, Some(LocateError::WritesModels { variable }) if variable == name));
    }
}

/// This is also the body of the child process in [`variables_do_not_bring_a_cache_back`].
#[test]
fn a_network_compiles_and_infers_on_each_device_that_wraps_the_cpu() {
    let core = core();
    let expected = CONV.expected(&core);
    let model = core.read_model_from_path(&CONV.path()).unwrap();
    for device in ["CPU", "AUTO:CPU", "HETERO:CPU", "MULTI:CPU"] {
        let compiled = core.compile(&model, device, &[]).unwrap();
        assert_eq!(CONV.infer(&compiled), expected, "{device}");
    }
}

#[test]
fn variables_do_not_bring_a_cache_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "a_network_compiles_and_infers_on_each_device_that_wraps_the_cpu"]);
    child.current_dir(folder.path());
    for name in ["CACHE_DIR", "OV_CACHE_DIR", "OPENVINO_CACHE_DIR", "OV_CPU_CACHE_DIR", "NPUW_CACHE_DIR"] {
        child.env(name, folder.path());
    }
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(files_below(folder.path()), 0);
}

fn files_below(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}
