//! On what a compiled model depends.

use ovseal::Opened;

use super::error::CacheError;
use super::{loaded, processor};
use crate::core::Core;
use crate::devices::Plugin;
use crate::sealed;
use crate::shape::PartialShape;

/// How a network of a container is compiled.
#[derive(Clone, Copy, Debug)]
pub struct Compilation<'a> {
    /// Its path in the container; `None` for the only network.
    pub part: Option<&'a str>,
    /// The device, such as `CPU`.
    pub device: &'a str,
    /// The properties that are passed to [`Core::compile`].
    pub properties: &'a [(&'a str, &'a str)],
    /// The shapes that [`Model::reshape`](crate::Model::reshape) gives its inputs before.
    pub shapes: &'a [(&'a str, PartialShape)],
}

pub(super) type Fields = Vec<(&'static str, Vec<u8>)>;

/// Names and values of everything that decides whether a compiled model fits, but the container itself.
pub(super) fn fields(
    core: &Core,
    opened: &Opened,
    compilation: &Compilation<'_>,
) -> Result<Fields, CacheError> {
    let part = sealed::find(opened, compilation.part)?;
    let mut fields: Fields = vec![
        ("ovseal", env!("CARGO_PKG_VERSION").into()),
        ("part", part.entry().path.as_str().into()),
        ("device", compilation.device.into()),
        ("openvino", core.runtime().version().into()),
        ("library", build(RUNTIME)?),
        ("processor", processor::features().ok_or(CacheError::Processor)?),
    ];
    for plugin in core.plugins(compilation.device).map_err(CacheError::Device)? {
        add_plugin(core, &plugin, &mut fields)?;
    }
    for (name, value) in compilation.properties {
        fields.extend([("property", name.as_bytes().into()), ("value", value.as_bytes().into())]);
    }
    for (input, shape) in compilation.shapes {
        fields.extend([("input", input.as_bytes().into()), ("shape", shape.to_string().into_bytes())]);
    }
    Ok(fields)
}

/// Adds the plugin's build, and what it says of its device: a plugin compiles for one kind of processor and driver.
fn add_plugin(core: &Core, plugin: &Plugin, fields: &mut Fields) -> Result<(), CacheError> {
    fields.push(("plugin", plugin.device.clone().into_bytes()));
    fields.push(("plugin-build", plugin.build.clone().into_bytes()));
    fields.push(("library", build(&format!("lib{}.so", plugin.name))?));
    for name in DEVICE_PROPERTIES {
        // Devices have those that mean something to them.
        if let Some(value) = core.device_property(&plugin.device, name) {
            fields.extend([(name, value.into_bytes())]);
        }
    }
    Ok(())
}

fn build(library: &str) -> Result<Vec<u8>, CacheError> {
    loaded::build(library).ok_or_else(|| CacheError::Library { library: library.to_owned() })
}

/// The library that transforms networks before a plugin does.
const RUNTIME: &str = "libopenvino.so";

/// What devices say of themselves, and of the software below them.
const DEVICE_PROPERTIES: [&str; 5] =
    ["FULL_DEVICE_NAME", "DEVICE_ARCHITECTURE", "DEVICE_UUID", "NPU_DRIVER_VERSION", "NPU_COMPILER_VERSION"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::runtime::Runtime;

    /// Without an id all of a library's code would be compared, which takes longer than importing a small network.
    #[test]
    fn the_libraries_of_the_wheel_have_the_linkers_id() {
        let place = std::env::var_os("OVSEAL_OPENVINO");
        let place = place.unwrap_or_else(|| panic!("OVSEAL_OPENVINO is not set: run `cargo xtask test`"));
        let environment = Environment::default().with("OVSEAL_OPENVINO", place);
        let core = Core::new(&Runtime::locate(None, &environment).unwrap()).unwrap();
        let plugins = core.plugins("HETERO:CPU").unwrap();
        let names = plugins.iter().map(|plugin| format!("lib{}.so", plugin.name));
        let libraries: Vec<String> = names.chain([RUNTIME.to_owned()]).collect();
        assert_eq!(libraries.len(), 3);
        for library in libraries {
            assert_eq!(build(&library).unwrap().len(), 20, "{library}");
        }
        assert!(
            matches!(build("libnone.so"), Err(CacheError::Library { library }) if library == "libnone.so")
        );
    }
}
