//! Kinds of causes, told from the runtime's words without repeating one of them.

use std::fmt;

/// Names the kind of cause for which the runtime refused an operation.
///
/// The runtime has one status for nearly every failure. This tells the common ones apart by its words,
/// which may quote a sealed model and are therefore not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The model needs an operation that the runtime or the device does not have.
    Operation,
    /// Shapes do not fit each other, or an input has another shape than the model takes.
    Shape,
    /// The device does not know a property, or not this value of it.
    Property,
    /// The device or its driver is not there.
    Device,
    /// Memory ran out.
    Memory,
    /// No further thread can be started.
    Threads,
    /// No further file can be opened.
    Descriptors,
    /// The topology is none that the runtime reads.
    Format,
}

impl Cause {
    /// Finds the cause in the runtime's words, seen with versions 2025.1 to 2026.4.
    ///
    /// What the system lacks comes first: the runtime reports it inside of other failures.
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
            Self::Threads => "no further thread can be started",
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
    fn causes_are_told_from_what_the_runtime_says() {
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
