use ovseal::{KeyFile, Model, ModelName, ModelOptions, OpenOptions, PublisherKey, SealOptions, Trust};

fn seal_and_open(folder: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let (key, acme) = (KeyFile::generate()?, PublisherKey::generate()?);
    let model = Model::find(&folder.join("model.xml"), ModelOptions::default())?;
    let container = folder.join("for-one-key.ovseal");
    let options = SealOptions::new(ModelName::parse("detector")?).recipient(&key).publisher(&acme);
    options.seal(&model, &container)?;

    let trust = Trust::Publishers(vec![acme.publisher().clone()]);
    let opened = OpenOptions::new(trust).open(&container, &[&key])?;
    let weights = opened.part("model.bin")?.read()?; // decrypted, authentic, zeroized when dropped
    println!("{} bytes of weights", weights.len());
    Ok(())
}
