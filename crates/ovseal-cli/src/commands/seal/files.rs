//! The files to seal: the model's own, or the IR that OpenVINO converts them to.

use ovseal::{FileIdentity, Model, ModelError, ModelOptions};
use ovseal_openvino::{ConvertedModel, Environment, Precision};

use super::SealArgs;
use crate::errors::CommandError;
use crate::keys::Source;
use crate::ui::Output;

/// Finds the model's files.
pub(super) fn find(args: &SealArgs) -> Result<Model, ModelError> {
    let options = ModelOptions {
        only: args.only,
        follow_symlinks: args.follow_symlinks,
        exclude: args.exclude.clone(),
        include_everything: args.include_everything,
    };
    match Model::find(&args.model, options.clone()) {
        // The IR is sealed instead of this file.
        Err(ModelError::PathOnly { format, .. }) if args.optimize && format.is_convertible() => {
            Model::find(&args.model, ModelOptions { only: true, ..options })
        }
        found => found,
    }
}

/// Converts the model to IR in memory.
pub(super) fn optimize(args: &SealArgs, files: &Model, output: &mut Output) -> Result<Model, CommandError> {
    let precision = if args.keep_precision { Precision::Kept } else { Precision::Half };
    let converted = ConvertedModel::convert(&args.model, precision, &Environment::from_process());
    let ConvertedModel { topology, weights } =
        converted.map_err(|error| CommandError::from(error).context(args.model.display().to_string()))?;
    output.note(match precision {
        Precision::Half => "converted to IR by OpenVINO, floating-point weights to 16 bits",
        Precision::Kept => "converted to IR by OpenVINO",
    });
    let name = files.default_name();
    Ok(Model::ir_in_memory(name.as_ref().map_or("model", |name| name.as_str()), topology, weights)?)
}

/// Returns the identities of the files that the options specify for keys, passphrases, PINs and
/// recipients.
///
/// The files are looked up before any of them is read. A missing file is reported when it is read.
pub(super) fn given(args: &SealArgs) -> Vec<FileIdentity> {
    let recipients = &args.recipients;
    let lists = recipients.recipients_files.iter().chain(&recipients.keyfiles);
    let single = recipients.passphrase_file.iter().chain(&args.publisher_key);
    let sources = lists.chain(single);
    #[cfg(feature = "pkcs11")]
    let sources = sources.chain(&args.ml_dsa_key).chain(&args.token.pin_file);
    sources.filter_map(Source::identity).collect()
}
