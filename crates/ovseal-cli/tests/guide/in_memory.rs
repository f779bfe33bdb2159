use ovseal::{KeyFile, Model, ModelName, ModelOptions, OpenOptions, SealOptions, Trust};

fn seal_and_open(folder: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let key = KeyFile::generate()?;
    let model = Model::find(&folder.join("model.xml"), ModelOptions::default())?;
    let container = folder.join("for-one-key.ovseal");
    SealOptions::new(ModelName::parse("detector")?).recipient(&key).seal(&model, &container)?;

    let opened = OpenOptions::new(Trust::AnySender).open(&container, &[&key])?;
    let weights = opened.part("model.bin")?.read()?; // decrypted, authentic, zeroized when dropped
    println!("{} bytes of weights", weights.len());
    Ok(())
}
