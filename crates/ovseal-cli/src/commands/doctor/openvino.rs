//! The OpenVINO runtime.

use ovseal_openvino::{Core, Environment, Runtime};
use serde_json::Value;

use super::{DoctorArgs, Finding};
use crate::errors::{CommandError, not_located};

pub(super) fn findings(args: &DoctorArgs) -> Vec<Finding> {
    let environment = Environment::from_process();
    let mut findings = match Runtime::locate(args.openvino.as_deref(), &environment) {
        Ok(runtime) => found(&runtime),
        Err(error) => missing(not_located(error)),
    };
    findings.push(writes_models(&environment.variables_that_write_models()));
    findings
}

fn writes_models(variables: &[&str]) -> Finding {
    let text = if variables.is_empty() {
        "models written to disk: no, no variable asks for it".to_owned()
    } else {
        let names = variables.join(", ");
        format!("models written to disk: ovseal run will fail, because of {names}")
    };
    Finding::new("writes_models", variables.to_vec(), text)
}

fn found(runtime: &Runtime) -> Vec<Finding> {
    let path = runtime.path().display().to_string();
    let mut findings = vec![
        Finding::new("version", runtime.version(), format!("version: {}", runtime.version())),
        Finding::new("path", path.clone(), format!("library: {path}")),
    ];
    match Core::new(runtime).and_then(|core| core.available_devices()) {
        Ok(devices) => {
            let text = format!("devices: {}", devices.join(", "));
            findings.push(Finding::new("devices", devices, text));
        }
        Err(error) => {
            findings.push(Finding::new("devices", Value::Array(Vec::new()), "devices: none usable"));
            findings.push(reason(error.into()));
        }
    }
    findings
}

fn missing(error: CommandError) -> Vec<Finding> {
    vec![Finding::new("version", Value::Null, "version: none, models cannot be run"), reason(error)]
}

fn reason(error: CommandError) -> Finding {
    let lines: Vec<String> = error.lines().collect();
    Finding::new("error", lines.join("\n"), lines.join("\n  "))
}
