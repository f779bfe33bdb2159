//! The protections of keys and weights in memory.

use ovseal_memory::{Protections, Swap, protections};
use serde_json::Value;

use super::{DoctorArgs, Finding};
use crate::ui::text::bytes;

pub(super) fn findings(_: &DoctorArgs) -> Vec<Finding> {
    let found = protections();
    let mut findings = vec![secret_memory(&found), locked_memory(&found), locked_memory_limit(&found)];
    findings.extend([dumps(&found), core_files(&found), swap(&found), userfaultfd(&found), missing(&found)]);
    findings
}

fn secret_memory(found: &Protections) -> Finding {
    let text = if found.secret_memory {
        "secret memory: yes, keys are hidden even from the kernel"
    } else {
        "secret memory: no, keys are in locked memory if available"
    };
    Finding::new("secret_memory", found.secret_memory, text)
}

fn locked_memory(found: &Protections) -> Finding {
    let answer = if found.locked_memory { "yes, it cannot be swapped" } else { "no" };
    Finding::new("locked_memory", found.locked_memory, format!("locked memory: {answer}"))
}

fn locked_memory_limit(found: &Protections) -> Finding {
    let limit = found.locked_memory_limit;
    let text = limit.map_or_else(|| "no limit".into(), |limit| format!("up to {}", bytes(limit)));
    Finding::new("locked_memory_limit", limit, format!("locked memory: {text} (ulimit -l)"))
}

fn dumps(found: &Protections) -> Finding {
    let text = if found.dumpable {
        "dumps: on, other processes of the same user can read keys and weights"
    } else {
        "dumps: off, no core dumps, and no debuggers of the same user"
    };
    Finding::new("dumpable", found.dumpable, text)
}

fn core_files(found: &Protections) -> Finding {
    let text = match found.core_limit {
        Some(0 | 1) => "core files: off".to_owned(),
        Some(limit) => format!("core files: up to {}", bytes(limit)),
        None => "core files: no limit".to_owned(),
    };
    Finding::new("core_limit", found.core_limit, text)
}

fn swap(found: &Protections) -> Finding {
    let (value, text) = match found.swap {
        Swap::Absent => (Value::Bool(false), "swap: none"),
        Swap::Present => (Value::Bool(true), "swap: yes, weights that are not locked may be written to disk"),
        Swap::Unknown => (Value::Null, "swap: unknown, cannot read /proc/swaps"),
    };
    Finding::new("swap", value, text)
}

fn userfaultfd(found: &Protections) -> Finding {
    let available = found.userfaultfd.user_mode;
    let text = if available {
        "userfaultfd: yes, models are decrypted while they are compiled"
    } else {
        "userfaultfd: no, models are decrypted before they are compiled (in a container, pass /dev/userfaultfd)"
    };
    Finding::new("userfaultfd", available, text)
}

fn missing(found: &Protections) -> Finding {
    let missing: Vec<String> = found.missing().iter().map(ToString::to_string).collect();
    let text = if missing.is_empty() { "nothing".to_owned() } else { missing.join("; ") };
    Finding::new("missing", missing, format!("missing: {text}"))
}
