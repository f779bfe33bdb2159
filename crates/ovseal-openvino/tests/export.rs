//! Export of a compiled model to memory, and its import.

mod common;

use std::sync::Arc;

use common::{CONV, MLP, core};
use ovseal_openvino::{NetworkError, Operation};

#[test]
fn an_exported_model_imports_and_computes_the_same() {
    let core = core();
    for network in [CONV, MLP] {
        let exported = network.compile(&core).export().unwrap();
        let imported = core.import(Arc::new(exported), "CPU").unwrap();
        assert_eq!(network.infer(&imported), network.expected(&core), "{}", network.folder);
    }
}

#[test]
fn an_imported_model_has_the_same_ports() {
    let core = core();
    let compiled = MLP.compile(&core);
    let imported = core.import(Arc::new(compiled.export().unwrap()), "CPU").unwrap();
    assert_eq!(imported.inputs(), compiled.inputs());
    assert_eq!(imported.outputs(), compiled.outputs());
}

#[test]
fn other_bytes_are_not_imported() {
    let core = core();
    let import = |bytes: Vec<u8>| core.import(Arc::new(bytes), "CPU").err();
    assert!(matches!(import(Vec::new()), Some(NetworkError::Empty { what: "exported model" })));
    let refused = import(b"these bytes are no compiled model, they are a sentence".to_vec());
    assert!(matches!(refused, Some(NetworkError::Runtime(error)) if error.operation() == Operation::Import));
}

#[test]
fn a_forked_child_drops_an_exported_model_safely() {
    let exported = CONV.compile(&core()).export().unwrap();
    // SAFETY: the child only compares process ids and ends. It uses neither the heap nor locks.
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop(exported);
        // SAFETY: ending a process is always sound.
        unsafe { libc::_exit(7) };
    }
    let mut status = 0;
    // SAFETY: `status` is a place for the result.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7, "status {status:#x}");
    assert!(!exported.as_ref().is_empty());
}
