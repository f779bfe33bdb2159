//! On what a compiled model depends.

use ovseal::Opened;

use super::error::CacheError;
use super::{loaded, processor};
use crate::facts::{PluginFacts, RuntimeFacts};
use crate::sealed;
use crate::shape::PartialShape;

/// How a network of a container is compiled.
#[derive(Clone, Copy, Debug)]
pub struct Compilation<'a> {
    /// Its path in the container; `None` for the only network.
    pub part: Option<&'a str>,
    /// The device, such as `CPU`.
    pub device: &'a str,
    /// The properties that are passed to [`Core::compile`](crate::Core::compile).
    pub properties: &'a [(&'a str, &'a str)],
    /// The shapes that [`Model::reshape`](crate::Model::reshape) gives its inputs before.
    pub shapes: &'a [(&'a str, PartialShape)],
}

pub(super) type Fields = Vec<(&'static str, Vec<u8>)>;

/// Names and values of everything that decides whether a compiled model fits, but the container itself.
pub(super) fn fields(
    runtime: &RuntimeFacts,
    opened: &Opened,
    compilation: &Compilation<'_>,
) -> Result<Fields, CacheError> {
    let part = sealed::find(opened, compilation.part)?;
    let mut fields: Fields = vec![
        ("ovseal", env!("CARGO_PKG_VERSION").into()),
        ("part", part.entry().path.as_str().into()),
        ("device", compilation.device.into()),
        ("openvino", runtime.version.as_str().into()),
        ("library", build(RUNTIME)?),
        ("processor", processor::features().ok_or(CacheError::Processor)?),
    ];
    for plugin in &runtime.plugins {
        add_plugin(plugin, &mut fields)?;
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
fn add_plugin(plugin: &PluginFacts, fields: &mut Fields) -> Result<(), CacheError> {
    fields.push(("plugin", plugin.device.as_str().into()));
    fields.push(("plugin-build", plugin.build.as_str().into()));
    fields.push(("library", build(&format!("lib{}.so", plugin.name))?));
    for name in PluginFacts::PROPERTIES {
        let said = plugin.properties.iter().find(|(said, _)| said == name);
        fields.extend(said.map(|(_, value)| (name, value.as_str().into())));
    }
    let mut settings: Vec<_> = plugin.properties.iter().filter(|(name, _)| !is_asked_for(name)).collect();
    settings.sort_unstable();
    for (name, value) in settings {
        fields.extend([("setting", name.as_bytes().into()), ("value", value.as_bytes().into())]);
    }
    Ok(())
}

fn is_asked_for(name: &str) -> bool {
    PluginFacts::PROPERTIES.contains(&name)
}

fn build(library: &str) -> Result<Vec<u8>, CacheError> {
    loaded::build(library).ok_or_else(|| CacheError::Library { library: library.to_owned() })
}

/// The library that transforms networks before a plugin does.
const RUNTIME: &str = "libopenvino.so";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Core;
    use crate::environment::Environment;
    use crate::runtime::Runtime;

    /// Without an id all of a library's code would be compared, which takes longer than importing a small network.
    #[test]
    fn the_libraries_of_the_wheel_have_the_linkers_id() {
        let place = std::env::var_os("OVSEAL_OPENVINO");
        let place = place.unwrap_or_else(|| panic!("OVSEAL_OPENVINO is not set: run `cargo xtask test`"));
        let environment = Environment::default().with("OVSEAL_OPENVINO", place);
        let core = Core::new(&Runtime::locate(None, &environment).unwrap()).unwrap();
        let plugins = core.facts("HETERO:CPU").unwrap().plugins;
        let names = plugins.iter().map(|plugin| format!("lib{}.so", plugin.name));
        let libraries: Vec<String> = names.chain([RUNTIME.to_owned()]).collect();
        assert_eq!(libraries.len(), 3);
        for library in libraries {
            assert_eq!(build(&library).unwrap().len(), 20, "{library}");
        }
        let properties = &core.facts("CPU").unwrap().plugins[0].properties;
        let said: Vec<&str> = properties.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(said, ["FULL_DEVICE_NAME", "DEVICE_ARCHITECTURE"]);
        assert!(
            matches!(build("libnone.so"), Err(CacheError::Library { library }) if library == "libnone.so")
        );
    }
}
