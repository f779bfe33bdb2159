//! Chunks of integers that fail to decrypt cause an error, never a signal.
#![allow(clippy::unwrap_used, clippy::panic, reason = "clippy knows tests by their attribute only")]
#![allow(clippy::print_stderr, reason = "a network that ends the process by a signal is named before")]

mod common;

use common::core;
use common::flipped::{Sealed, every_bad_chunk_is_an_error};
use common::ir::{ELEMENTS, F32, I32, I64, Ir, Type};
use ovseal_openvino::Core;

/// Integer types of constants that the CPU plugin divides by, some after a conversion.
const INTEGERS: [Type; 10] = [
    Type("u8", "U8", &[1]),
    Type("i8", "I8", &[1]),
    Type("boolean", "BOOL", &[1]),
    Type("u4", "U4", &[0x11]),
    Type("i4", "I4", &[0x11]),
    Type("u16", "U16", &[1, 0]),
    Type("i16", "I16", &[1, 0]),
    Type("u32", "U32", &[1, 0, 0, 0]),
    I32,
    I64,
];

/// Adds a divisor derived from a constant, and returns its type.
type Route = fn(&mut Ir, Type) -> (usize, Type);

/// The paths from a constant to a divisor.
const ROUTES: [Route; 8] = [
    |net, of| (net.ones(of, ELEMENTS), of),
    |net, of| {
        let constant = net.ones(of, ELEMENTS);
        (net.convert(constant, I32), I32)
    },
    |net, of| {
        let constant = net.ones(of, ELEMENTS);
        let float = net.convert(constant, F32);
        (net.convert(float, I32), I32)
    },
    |net, _| {
        let constant = net.ones(F32, ELEMENTS);
        (net.convert(constant, I32), I32)
    },
    |net, _| {
        let (constant, least) = (net.ones(F32, ELEMENTS), net.ones(F32, 1));
        let reached =
            net.layer("GreaterEqual", "opset1", "auto_broadcast=\"numpy\"", &[constant, least], "BOOL");
        (net.convert(reached, I32), I32)
    },
    |net, of| {
        let constant = net.ones(of, ELEMENTS);
        // A different operation computes integers from the same constant.
        let twice = net.layer("Concat", "opset1", "axis=\"0\"", &[constant, constant], of.1);
        let shape = net.ones(I64, 1);
        net.layer("Reshape", "opset1", "special_zero=\"false\"", &[twice, shape], of.1);
        (constant, of)
    },
    |net, _| {
        let (constant, like) = (net.ones(F32, ELEMENTS), net.input(I32, ELEMENTS));
        (net.layer("ConvertLike", "opset8", "", &[constant, like], "I32"), I32)
    },
    |net, _| {
        let constant = net.chosen_ones(F32, ELEMENTS);
        (net.convert(constant, I32), I32)
    },
];

const DIVISIONS: [(&str, &str); 3] = [
    ("Divide", "auto_broadcast=\"numpy\" m_pythondiv=\"true\""),
    ("Mod", "auto_broadcast=\"numpy\""),
    ("FloorMod", "auto_broadcast=\"numpy\""),
];

/// Seals a network and compiles it with each chunk failing in turn. Returns whether the runtime
/// supports it at all.
fn survives(core: &Core, what: &str, (topology, weights): (String, Vec<u8>)) -> bool {
    // If a signal ends the test, this line identifies the network.
    eprintln!("{what}");
    let sealed = Sealed::of(&topology, &weights);
    sealed.compiles(core) && {
        every_bad_chunk_is_an_error(core, &sealed);
        true
    }
}

#[test]
fn no_divisor_that_fails_ends_the_process_whatever_its_type_and_way() {
    let (core, mut taken) = (core(), 0);
    for integer in INTEGERS {
        for (number, route) in ROUTES.iter().enumerate() {
            for (division, data) in DIVISIONS {
                for is_folded in [true, false] {
                    let mut net = Ir::default();
                    let (divisor, of) = route(&mut net, integer);
                    let dividend = if is_folded { net.ones(of, ELEMENTS) } else { net.input(of, ELEMENTS) };
                    let quotient = net.layer(division, "opset1", data, &[dividend, divisor], of.1);
                    let last = net.convert(quotient, F32);
                    let what = format!("{division} by {} on route {number}, folded: {is_folded}", integer.0);
                    taken += usize::from(survives(&core, &what, net.end(last)));
                }
            }
        }
    }
    assert!(taken > 300, "the runtime takes only {taken} of these networks");
}

/// Operations with data first, then parameters: shapes, axes, steps, numbers of pieces.
const SHAPED: [(&str, &str, &str, usize, bool); 17] = [
    ("Reshape", "opset1", "special_zero=\"true\"", 1, false),
    ("Tile", "opset1", "", 1, false),
    ("Broadcast", "opset3", "mode=\"bidirectional\"", 1, false),
    ("Gather", "opset8", "batch_dims=\"0\"", 2, true),
    ("GatherND", "opset8", "batch_dims=\"0\"", 1, false),
    ("Unsqueeze", "opset1", "", 1, false),
    ("ReduceSum", "opset1", "keep_dims=\"true\"", 1, false),
    ("CumSum", "opset3", "exclusive=\"false\" reverse=\"false\"", 1, true),
    ("Roll", "opset7", "", 2, false),
    ("Pad", "opset1", "pad_mode=\"reflect\"", 2, false),
    (
        "StridedSlice",
        "opset1",
        "begin_mask=\"0\" end_mask=\"0\" new_axis_mask=\"\" shrink_axis_mask=\"\" ellipsis_mask=\"\"",
        3,
        false,
    ),
    ("Slice", "opset8", "", 3, false),
    ("SpaceToBatch", "opset2", "", 3, false),
    ("BatchToSpace", "opset2", "", 3, false),
    ("OneHot", "opset1", "axis=\"-1\"", 3, true),
    ("TopK", "opset3", "axis=\"0\" mode=\"max\" sort=\"value\" index_element_type=\"i32\"", 1, true),
    ("Bucketize", "opset3", "output_type=\"i32\" with_right_bound=\"true\"", 1, false),
];

#[test]
fn no_shape_axis_or_step_that_fails_ends_the_process() {
    let (core, mut taken) = (core(), 0);
    for (kind, set, data, arguments, is_scalar) in SHAPED {
        for is_folded in [true, false] {
            for through_float in [true, false] {
                let mut net = Ir::default();
                let first = if is_folded { net.ones(I32, ELEMENTS) } else { net.input(I32, ELEMENTS) };
                let mut from = vec![first];
                for _ in 0..arguments {
                    let constant =
                        net.ones(if through_float { F32 } else { I64 }, 1 + usize::from(!is_scalar));
                    from.push(if through_float { net.convert(constant, I64) } else { constant });
                }
                let made = net.layer(kind, set, data, &from, "I32");
                let last = net.convert(made, F32);
                let what = format!("{kind}, folded: {is_folded}, through numbers: {through_float}");
                taken += usize::from(survives(&core, &what, net.end(last)));
            }
        }
    }
    eprintln!("{taken} networks were taken");
    assert!(taken > 10, "the runtime takes only {taken} of these networks");
}

#[test]
fn no_bound_of_a_range_that_fails_ends_the_process() {
    let (core, mut taken) = (core(), 0);
    for of in [I32, I64, F32] {
        let mut net = Ir::default();
        let bounds = [net.ones(of, 1), net.ones(of, 1), net.ones(of, 1)];
        let data = format!("output_type=\"{}\"", of.0);
        let range = net.layer("Range", "opset4", &data, &bounds, of.1);
        let last = net.convert(range, F32);
        taken += usize::from(survives(&core, of.0, net.end(last)));
    }
    assert_eq!(taken, 3);
}
