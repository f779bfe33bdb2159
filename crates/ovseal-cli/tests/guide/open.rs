use std::path::Path;

use ovseal::{Identity, ModelName, OpenOptions, PublicKeyIdentity, Publisher, RollbackState, Trust};
use ovseal_openvino::{Core, ElementType, Environment, Runtime, Tensor};

fn detect(folder: &Path) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let publisher = Publisher::parse(&std::fs::read_to_string(folder.join("acme.pub"))?)?;
    let identities = PublicKeyIdentity::parse_file(&std::fs::read(folder.join("device.key"))?)?;
    let keys: Vec<&dyn Identity> = identities.iter().map(|key| key as &dyn Identity).collect();
    let opened = OpenOptions::new(Trust::Publishers(vec![publisher]))
        .name(ModelName::parse("detector")?)
        .rollback_state(RollbackState::new(folder.join("rollback.state")))
        .open(&folder.join("detector.ovseal"), &keys)?;

    let runtime = Runtime::locate(None, &Environment::from_process())?;
    let core = Core::new(&runtime)?;
    let model = core.read_sealed(&opened, None)?;
    let mut request = core.compile(&model, "CPU", &[])?.create_request()?;
    request.set_input("x", Tensor::new(&runtime, ElementType::F32, &[1, 64])?)?;
    request.infer()?;
    Ok(request.output(0)?.bytes().to_vec())
}
