//! The facts on which a compiled model depends.

use ovseal::Opened;

use super::error::CacheError;
use crate::load::{self, Compilation};
use crate::runtime::{PluginFacts, RuntimeFacts};
use crate::sys;

pub(super) type Fields = Vec<(&'static str, Vec<u8>)>;

/// Returns names and values of everything that determines whether a compiled model fits, except the
/// container itself.
pub(super) fn key_fields(
    runtime: &RuntimeFacts,
    opened: &Opened,
    compilation: &Compilation,
) -> Result<Fields, CacheError> {
    let part = load::find(opened, compilation.part.as_deref())?;
    let mut fields: Fields = vec![
        ("ovseal", env!("CARGO_PKG_VERSION").into()),
        ("part", part.entry().path.as_str().into()),
        ("device", compilation.device.as_str().into()),
        ("openvino", runtime.version.as_str().into()),
        ("library", build(RUNTIME)?),
        ("processor", sys::features().ok_or(CacheError::Processor)?),
    ];
    for plugin in &runtime.plugins {
        add_plugin(plugin, &mut fields)?;
    }
    for (name, value) in &compilation.properties {
        fields.extend([("property", name.as_bytes().into()), ("value", value.as_bytes().into())]);
    }
    for (input, shape) in &compilation.shapes {
        fields.extend([("input", input.as_bytes().into()), ("shape", shape.to_string().into_bytes())]);
    }
    Ok(fields)
}

/// Adds the plugin's build and its device's properties: a plugin compiles for one kind of processor
/// and driver.
fn add_plugin(plugin: &PluginFacts, fields: &mut Fields) -> Result<(), CacheError> {
    fields.push(("plugin", plugin.device.as_str().into()));
    fields.push(("plugin-build", plugin.build.as_str().into()));
    fields.push(("library", build(&format!("lib{}.so", plugin.name))?));
    for name in PluginFacts::PROPERTIES {
        let property = plugin.properties.iter().find(|(property, _)| property == name);
        fields.extend(property.map(|(_, value)| (name, value.as_str().into())));
    }
    let mut settings: Vec<_> =
        plugin.properties.iter().filter(|(name, _)| !identifies_device(name)).collect();
    settings.sort_unstable();
    for (name, value) in settings {
        fields.extend([("setting", name.as_bytes().into()), ("value", value.as_bytes().into())]);
    }
    Ok(())
}

fn identifies_device(name: &str) -> bool {
    PluginFacts::PROPERTIES.contains(&name)
}

fn build(library: &str) -> Result<Vec<u8>, CacheError> {
    sys::build(library).ok_or_else(|| CacheError::Library { library: library.to_owned() })
}

/// The library that transforms networks before the plugin compiles them.
const RUNTIME: &str = "libopenvino.so";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locate::Environment;
    use crate::runtime::{Core, Runtime};

    /// Without a build id, a library's whole code would be compared. That takes longer than
    /// importing a small network.
    #[test]
    fn the_libraries_of_the_wheel_have_a_build_id() {
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
