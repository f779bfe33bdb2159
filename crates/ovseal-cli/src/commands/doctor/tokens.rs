//! PKCS#11 tokens.

use ovseal_hardware::pkcs11::{TokenError, TokenSummary};
use serde_json::{Value, json};

use super::{DoctorArgs, Finding};
use crate::errors::CommandError;
use crate::keys::token;
use crate::ui::text::{plural, printable};

pub(super) fn findings(args: &DoctorArgs) -> Vec<Finding> {
    let tokens = token::module(args.pkcs11_module.as_deref(), None).and_then(|module| module.tokens());
    match tokens {
        Ok(tokens) => found(&tokens),
        Err(error) => missing(error),
    }
}

fn found(tokens: &[TokenSummary]) -> Vec<Finding> {
    let count = plural(tokens.len() as u64, "token");
    let lines = tokens.iter().map(|token| printable(&line(token)));
    let text = std::iter::once(format!("found: {count}")).chain(lines).collect::<Vec<_>>().join("\n    ");
    vec![Finding::new("found", tokens.iter().map(object).collect::<Vec<_>>(), text)]
}

fn line(token: &TokenSummary) -> String {
    let pin = if token.wants_pin { format!("PIN {}", token.tries) } else { "no PIN".into() };
    format!("{} {} ({pin}): {}", token.manufacturer, token.model, token.uri)
}

fn object(token: &TokenSummary) -> Value {
    json!({
        "uri": token.uri.to_string(),
        "label": token.label,
        "manufacturer": token.manufacturer,
        "model": token.model,
        "serial": token.serial,
        "wants_pin": token.wants_pin,
        "pin": token.tries.to_string(),
    })
}

/// Returns the findings for a host without a module. Most hosts have none, so this is not a
/// failure.
fn missing(error: TokenError) -> Vec<Finding> {
    let text = printable(&CommandError::from(error).chain());
    let found = Finding::new("found", Value::Null, "found: none, no PKCS#11 module (--pkcs11-module)");
    vec![found, Finding::new("error", text.clone(), text)]
}
