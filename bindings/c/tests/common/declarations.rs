//! The functions declared in the header.

/// A function of the header.
pub(crate) struct Function {
    pub(crate) result: String,
    pub(crate) name: String,
    pub(crate) arguments: Vec<Argument>,
}

/// An argument: its type, without spaces around asterisks, and its name.
pub(crate) struct Argument {
    pub(crate) kind: String,
    pub(crate) name: String,
}

const HEADER: &str = include_str!("../../include/ovseal/ovseal.h");

/// Returns all functions, in the order of the header.
pub(crate) fn functions() -> Vec<Function> {
    let code = without_comments(HEADER);
    let (_, code) = code.split_once("extern \"C\" {").unwrap();
    let statements =
        code.split(';').map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "));
    statements
        .filter(|text| !text.contains("typedef") && !text.contains('}'))
        .filter_map(|text| parse(&text))
        .collect()
}

fn parse(statement: &str) -> Option<Function> {
    let statement = statement.trim_start_matches("#endif // __cplusplus ");
    let (head, arguments) = statement.split_once('(')?;
    let (result, name) = split_name(head);
    let arguments = arguments.trim_end_matches(')').split(',').map(str::trim);
    let arguments = arguments.filter(|argument| *argument != "void").map(|argument| {
        let (kind, name) = split_name(argument);
        Argument { kind, name }
    });
    name.starts_with("ovseal_").then(|| Function { result, name, arguments: arguments.collect() })
}

/// Splits `const char *const *name` into `const char*const*` and `name`.
fn split_name(declaration: &str) -> (String, String) {
    let at = declaration.rfind([' ', '*']).unwrap() + 1;
    let (kind, name) = declaration.split_at(at);
    (kind.trim().replace(" *", "*").replace("struct ", ""), name.to_owned())
}

fn without_comments(text: &str) -> String {
    let mut pieces = text.split("/*");
    let mut code = pieces.next().unwrap().to_owned();
    for piece in pieces {
        code.push_str(piece.split_once("*/").unwrap().1);
    }
    code.lines().filter(|line| !line.starts_with("#define")).collect::<Vec<_>>().join("\n")
}
