//! Kinds of causes, derived from the runtime's messages.

use std::fmt;

/// The kind of cause of a failed operation.
///
/// The runtime has one status for nearly every failure. Its message distinguishes the common
/// causes, but may quote a sealed model, so it is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The model needs an operation that the runtime or the device lacks.
    Operation,
    /// Shapes do not match each other, or an input does not have the model's shape.
    Shape,
    /// The device does not support a property or its value.
    Property,
    /// The device or its driver is missing.
    Device,
    /// Memory ran out.
    Memory,
    /// No more threads can be started.
    Threads,
    /// No more files can be opened.
    Descriptors,
    /// The runtime does not read this kind of topology.
    Format,
}

impl Cause {
    /// Finds the cause in a message of the runtime, as seen with versions 2025.1 to 2026.4.
    ///
    /// Resources of the system come first, because the runtime reports their lack inside other
    /// failures.
    pub(crate) fn of(words: &str) -> Option<Self> {
        let says = |phrases: &[&str]| phrases.iter().any(|phrase| words.contains(phrase));
        PHRASES.iter().find(|(_, phrases)| says(phrases)).map(|(cause, _)| *cause)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Operation => "it needs an operation that is not supported",
            Self::Shape => "a shape does not fit",
            Self::Property => "a property is not supported",
            Self::Device => "the device is not available",
            Self::Memory => "out of memory",
            Self::Threads => "no more threads can be started",
            Self::Descriptors => "too many open files",
            Self::Format => "it is not a model that OpenVINO reads",
        })
    }
}

const PHRASES: [(Cause, &[&str]); 8] = [
    (Cause::Threads, &["Resource temporarily unavailable", "std::system_error"]),
    (Cause::Descriptors, &["Too many open files"]),
    (
        Cause::Memory,
        &["std::bad_alloc", "std::bad_array_new_length", "Cannot allocate memory", "Failed to allocate"],
    ),
    (
        Cause::Operation,
        &[
            "doesn't contain the operation",
            "from unsupported opset",
            "Unsupported operation",
            "not supported by",
        ],
    ),
    (Cause::Property, &["Unsupported property", "Unsupported config", "Could not read", "Wrong value"]),
    (
        Cause::Device,
        &["is not registered in the OpenVINO Runtime", "Cannot load library", "Failed to create plugin"],
    ),
    (
        Cause::Shape,
        &["shape_inference", "While validating node", "tensor size is not equal", "shape", "Shape"],
    ),
    (Cause::Format, &["Unable to read the model", "Error parsing"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_found_in_the_runtimes_messages() {
        for (words, cause) in [
            (
                "Failed to create plugin \"libopenvino_intel_cpu_plugin.so\" for device CPU\nPlease, check your \
                 environment\nResource temporarily unavailable",
                Cause::Threads,
            ),
            ("Exception from src/core/src/runtime/allocator.cpp:79:\nstd::bad_alloc", Cause::Memory),
            ("Opset opset1 doesn't contain the operation with type: Secret", Cause::Operation),
            ("Cannot create Secret layer x id:0 from unsupported opset: extension", Cause::Operation),
            ("Device with \"FOO\" name is not registered in the OpenVINO Runtime", Cause::Device),
            ("NotFound: Unsupported property FOO by CPU plugin.", Cause::Property),
            (
                "Check 'is_dynamic || port.get_shape() == tensor->get_shape()' failed\nThe input tensor size is not \
                 equal to the model input type: got [1,3] expecting [1,4].",
                Cause::Shape,
            ),
            ("Unable to read the model. Please check if the model format is supported", Cause::Format),
        ] {
            assert_eq!(Cause::of(words), Some(cause), "{words}");
        }
        assert_eq!(Cause::of("something else"), None);
    }
}
