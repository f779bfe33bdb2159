use super::testing::{constant, graph, net};
use super::*;

fn parse(topology: &str) -> Result<Topology, IrError> {
    Topology::parse(topology.as_bytes())
}

fn fault(topology: &str) -> IrFault {
    parse(topology).unwrap_err().fault
}

fn assert_unsupported_or_malformed(topology: &str, change: &str) {
    let found = fault(topology);
    assert!(matches!(found, IrFault::NotUnderstood(_) | IrFault::Markup), "{change}: {found}");
}

/// Returns the indexes of the constants that decide.
fn deciding(layers: &[(&str, &str)], edges: &[(usize, usize)]) -> Vec<usize> {
    let topology = parse(&graph(layers, edges)).unwrap();
    let is_deciding = |constant: &Constant| topology.shape_constants().contains(&constant.range());
    (0..topology.constants.len()).filter(|&number| is_deciding(&topology.constants[number])).collect()
}

#[test]
fn a_shape_whose_size_overflows_is_rejected_with_its_line() {
    let error = parse(&net(&constant("f32", "4611686018427387904", 0, 16))).unwrap_err();
    assert_eq!(error, IrError { line: 4, fault: IrFault::Overflow });
    assert_eq!(error.to_string(), "line 4 of the topology: a constant's shape is too large for any memory");
}

#[test]
fn a_constant_must_have_the_bytes_that_its_type_and_shape_require() {
    for (element_type, shape, needed) in
        [("f32", "2,2", 16), ("i4", "3", 2), ("u3", "9", 6), ("string", "1", 12)]
    {
        assert!(parse(&net(&constant(element_type, shape, 0, needed))).is_ok());
        let short = net(&constant(element_type, shape, 0, needed - 1));
        let expected = IrFault::TooShort { needed: needed as u64, size: needed as u64 - 1 };
        assert_eq!(fault(&short), expected, "{element_type}");
    }
}

#[test]
fn a_constant_that_ends_after_the_weights_is_rejected() {
    let topology = parse(&net(&constant("f32", "4", 100, 16))).unwrap();
    assert_eq!(topology.check_length(116), Ok(()));
    let error = topology.check_length(115).unwrap_err();
    assert_eq!(error.fault, IrFault::OutsideWeights { end: 116, length: 115 });
    let far = net(&constant("u8", "1", 0, 1)).replace("offset=\"0\"", "offset=\"9223372036854775807\"");
    let error = parse(&far).unwrap().check_length(1).unwrap_err();
    assert_eq!(error.fault, IrFault::OutsideWeights { end: 1 << 63, length: 1 });
}

#[test]
fn numbers_in_another_form_are_rejected() {
    let good = net(&constant("f32", "4", 0, 16));
    for (from, to, name) in [
        ("offset=\"0\"", "offset=\"-8\"", "offset"),
        ("offset=\"0\"", "offset=\" 0\"", "offset"),
        ("offset=\"0\"", "offset=\"18446744073709551608\"", "offset"),
        ("offset=\"0\"", "offset=\"&#48;\"", "offset"),
        ("offset=\"0\"", "", "offset"),
        ("size=\"16\"", "size=\"0x10\"", "size"),
        ("shape=\"4\"", "shape=\"-1\"", "shape"),
        ("shape=\"4\"", "", "shape"),
        ("id=\"0\"", "id=\"\"", "id"),
        ("type=\"Const\"", "type=\"C&#111;nst\"", "type"),
    ] {
        assert_eq!(fault(&good.replacen(from, to, 1)), IrFault::Attribute(name), "{to}");
    }
}

#[test]
fn constants_that_openvino_would_not_check_are_rejected() {
    let good = net(&constant("f32", "4", 0, 16));
    for (from, to) in [
        ("<data ", "<data value=\"abc\" "),
        ("type=\"Const\"", "type=\"Constant\""),
        ("type=\"Const\"", "type=\"CONST\""),
        (
            "<layers>",
            "<pre-process><channel id=\"0\"><mean offset=\"0\" size=\"8\"/></channel></pre-process><layers>",
        ),
        ("</layer>", "<data/></layer>"),
        ("</layers>", "</layers><layers></layers>"),
        ("<data ", "<body/><data "),
        ("</layer>", "<then_body/></layer>"),
        ("<data ", "<else_body><layers/></else_body><data "),
        ("</layers>", "</layers><rt_info><__weights_path value=\"/etc/x\"/></rt_info>"),
        ("</layers>", "</layers><rt_info><a><info name=\"__weights_path\"/></a></rt_info>"),
        ("</layers>", "</layers><rt_info><info name=\"&#95;_weights_path\"/></rt_info>"),
        ("<net name=\"n\" version=\"11\">", "<net><net>"),
    ] {
        assert_unsupported_or_malformed(&good.replacen(from, to, 1), to);
    }
    for unknown in ["undefined", "f128", ""] {
        assert_eq!(fault(&good.replace("f32", unknown)), IrFault::ElementType, "{unknown}");
    }
}

#[test]
fn a_constant_without_a_type_has_no_elements() {
    assert!(parse(&net(&constant("dynamic", "0", 7, 1))).is_ok());
    assert_eq!(fault(&net(&constant("dynamic", "1", 0, 16))), IrFault::Overflow);
}

#[test]
fn constants_in_nested_bodies_are_checked() {
    for body in ["body", "then_body", "else_body"] {
        let inner = constant("f32", "4611686018427387904", 0, 16);
        let nested = format!(
            "<layer id=\"0\" type=\"If\"><{body}><layers><layer id=\"0\" type=\"Loop\"><body><layers>{inner}</layers></body>\
             </layer></layers></{body}></layer>"
        );
        assert_eq!(fault(&net(&nested)), IrFault::Overflow, "{body}");
    }
}

#[test]
fn markup_that_two_parsers_could_read_differently_is_rejected() {
    let good = net(&constant("f32", "4", 0, 16));
    assert!(parse(&good).is_ok());
    for (from, to) in [
        ("<layers>", "<!DOCTYPE net [<!ENTITY a \"b\">]><layers>"),
        ("<layers>", "<?pi ?><layers>"),
        ("<layers>", "<![CDATA[ ]]><layers>"),
        ("<layers>", "<!--><layers>"),
        ("<layers>", "<!-- -- --><layers>"),
        ("<?xml version=\"1.0\"?>", "<?xml version=\"1.0\" encoding=\"latin1\"?>"),
        ("<?xml version=\"1.0\"?>", " <?xml version=\"1.0\"?>"),
        ("<?xml version=\"1.0\"?>", "<?xml version='encoding=\"latin1\"'?>"),
        ("</net>", ""),
        ("</net>", "</net><net/>"),
        ("</net>", "</net>text"),
        ("<layers>", "<layers>\0"),
        ("offset=\"0\"", "offset=\"0\" offset=\"0\""),
        ("offset=\"0\"", "offset=0"),
        ("</layer>", "</Layer>"),
    ] {
        assert_unsupported_or_malformed(&good.replacen(from, to, 1), to);
    }
    assert_eq!(Topology::parse(b"<net>\xff</net>").unwrap_err().fault, IrFault::Markup);
    for harmless in ["<!-- a > b --><layers>", "<!----><layers>", "\u{e9} &lt; <layers>"] {
        assert!(parse(&good.replace("<layers>", harmless)).is_ok(), "{harmless}");
    }
    let marked = [&b"\xef\xbb\xbf"[..], good.replace("?>", " encoding=\"UTF-8\"?>").as_bytes()].concat();
    assert!(Topology::parse(&marked).is_ok());
}

#[test]
fn every_truncation_is_rejected() {
    let good = net(&constant("f32", "4", 0, 16));
    for length in 0..good.trim_end().len() {
        assert!(parse(&good[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn deeply_nested_elements_are_rejected() {
    let deep = "<a>".repeat(100_000);
    assert!(matches!(fault(&format!("<net>{deep}")), IrFault::NotUnderstood(_)));
}

#[test]
fn integers_that_only_a_decompressing_conversion_reads_do_not_decide() {
    let weights =
        [("Const:u8:200", "U8"), ("Convert", "FP16"), ("Const:f16:1", "FP16"), ("Multiply", "FP16")];
    let edges = [(0, 1), (1, 3), (2, 3)];
    assert_eq!(deciding(&weights, &edges), [0; 0]);
    // The same applies to an operation that needs an input.
    let read = [("Const:u8:200", "U8"), ("Parameter", "FP32"), ("FullyConnectedCompressed", "FP32")];
    assert_eq!(deciding(&read, &[(0, 2), (1, 2)]), [0; 0]);
}

#[test]
fn integers_of_every_width_decide_if_integers_are_computed_from_them() {
    for width in ["u1", "u2", "u3", "i4", "u6", "i8", "u8", "boolean", "u16", "i32", "i64"] {
        let constant = format!("Const:{width}:700");
        let divided = [(&*constant, "U8"), ("Parameter", "U8"), ("Mod", "U8")];
        assert_eq!(deciding(&divided, &[(0, 2), (1, 2)]), [0], "{width} with an input");
        let folded = [(&*constant, "U8"), ("Const:f32:1", "FP32"), ("Convert", "I32"), ("FloorMod", "I32")];
        assert_eq!(deciding(&folded, &[(0, 3), (1, 2), (2, 3)]), [0, 1], "{width} folded");
    }
}

#[test]
fn numbers_decide_if_integers_are_computed_from_them_at_compile_time() {
    let chain = [("Const:f32:900", "FP32"), ("Greater", "BOOL"), ("Const:f32:1", "FP32"), ("Convert", "I32")];
    assert_eq!(deciding(&chain, &[(0, 1), (2, 1), (1, 3)]), [0, 1]);
    let later = [("Const:f32:900", "FP32"), ("Parameter", "FP32"), ("MatMul", "FP32"), ("Convert", "I32")];
    assert_eq!(deciding(&later, &[(0, 2), (1, 2), (2, 3)]), [0; 0]);
    let shape = [("Parameter", "FP32"), ("ShapeOf", "I64"), ("Const:i64:4", "I64"), ("Divide", "I64")];
    assert_eq!(deciding(&shape, &[(0, 1), (1, 3), (2, 3)]), [0]);
}

#[test]
fn constants_that_a_body_reads_decide() {
    let layers = [("Const:f32:900", "FP32"), ("Parameter", "FP32"), ("Loop", "FP32")];
    let text = graph(&layers, &[(0, 2), (1, 2)]);
    let body = "<layers><layer id=\"0\" type=\"Parameter\"/></layers>";
    let text =
        text.replace("type=\"Loop\" version=\"opset1\">", &format!("type=\"Loop\"><body>{body}</body>"));
    let topology = parse(&text).unwrap();
    assert_eq!(topology.shape_constants(), std::slice::from_ref(&(0..3600)));
}

#[test]
fn a_conversion_like_an_input_does_not_wait_for_it() {
    let layers = [
        ("Const:f32:900", "FP32"),
        ("Parameter", "I64"),
        ("ConvertLike", "I64"),
        ("Const:i64:1", "I64"),
        ("Mod", "I64"),
    ];
    assert_eq!(deciding(&layers, &[(0, 2), (1, 2), (2, 4), (3, 4)]), [0, 1]);
}

#[test]
fn constants_that_lead_to_the_result_of_a_body_decide() {
    let layers = [("Const:f32:900", "FP32"), ("Result", "FP32")];
    assert_eq!(deciding(&layers, &[(0, 1)]), [0; 0]);
    let body = graph(&layers, &[(0, 1)]);
    let (start, end) = (body.find("<layers>").unwrap(), body.find("</net>").unwrap());
    let branch = format!("<layer id=\"0\" type=\"If\"><then_body>{}</then_body></layer>", &body[start..end]);
    let topology = parse(&net(&branch)).unwrap();
    assert_eq!(topology.shape_constants(), std::slice::from_ref(&(0..3600)));
}

#[test]
fn an_output_without_a_precision_counts_as_integers() {
    let layers = [("Const:f32:900", "FP32"), ("Convert", "")];
    assert_eq!(deciding(&layers, &[(0, 1)]), [0]);
}

/// A search from each layer to the end would take hours.
#[test]
fn many_layers_and_edges_take_linear_time() {
    let layers = vec![("Const:u8:1", "U8"); 100_000];
    let edges: Vec<_> = (1..100_000).map(|number| (number - 1, number)).collect();
    let topology = parse(&graph(&layers, &edges)).unwrap();
    assert_eq!(topology.shape_constants().len(), 100_000);
}
