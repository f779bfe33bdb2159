//! `ovseal seal`: seals a model into a container.

mod files;
mod listing;
mod options;
mod publisher;

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use ovseal::{FileIdentity, Model, ModelName, SealError, SealOptions, Sealed, Suite};
use ovseal_hardware::tpm2::Bounds;

use crate::errors::usage::refuse_stdout;
use crate::errors::{CommandError, exists};
use crate::keys::recipients::{NewPassphrase, Recipients};
use crate::keys::{Inputs, tpm};
use crate::ui::{Interrupt, Output, Progress, text};

pub(crate) use options::SealArgs;

pub(super) fn run(args: &SealArgs, output: &mut Output) -> Result<(), CommandError> {
    let target = args.output.as_deref();
    target.map_or(Ok(()), refuse_stdout)?;
    let files = files::find(args)?;
    let given = files::given(args);
    check_given(&files, &given)?;
    if args.dry_run {
        return listing::dry_run(&files, output);
    }
    let target = target.unwrap_or(Path::new(""));
    let name = model_name(args, &files)?;
    let options = SealOptions::new(name)
        .security_version(args.security_version)
        .suite(Suite::from_number(args.suite).unwrap_or_default())
        .allow_mixed(args.allow_mixed)
        .replace(args.force);
    let options = given.into_iter().fold(options, SealOptions::read_file);
    // Everything that can be rejected early is rejected before asking for a passphrase.
    options.check_files(&files, target).map_err(|error| failure(target, error))?;
    let mut inputs = Inputs::default();
    let publisher = publisher::key(args, &mut inputs)?;
    let recipients = recipients(args, &mut inputs, output)?;
    let model = if args.optimize { files::optimize(args, &files, output)? } else { files };
    let options = recipients.iter().fold(options, SealOptions::recipient);
    let options = publisher.iter().fold(options, SealOptions::publisher);
    let sealed = with_progress(options, &model, target)?;
    report(args, &sealed, &model, recipients.count(), output);
    Ok(())
}

/// Fails if a file that the options specify for a key is part of the model.
fn check_given(model: &Model, given: &[FileIdentity]) -> Result<(), CommandError> {
    match given.iter().find_map(|file| model.file(*file)) {
        Some(path) => Err(SealError::KeyInModel { path: path.into() }.into()),
        None => Ok(()),
    }
}

fn with_progress(options: SealOptions<'_>, model: &Model, path: &Path) -> Result<Sealed, CommandError> {
    let progress = Progress::new(model.total_length());
    let interrupt = Interrupt::notice()?;
    let advance = |bytes| {
        progress.advance(bytes);
        if interrupt.is_noticed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let sealed = options.progress(&advance).seal(model, path);
    sealed.map_err(|error| match error {
        SealError::Cancelled => interrupt.check().err().unwrap_or_else(|| error.into()),
        error => failure(path, error),
    })
}

fn model_name(args: &SealArgs, model: &Model) -> Result<ModelName, CommandError> {
    match &args.name {
        Some(name) => Ok(ModelName::parse(name)?),
        None => model.default_name().ok_or_else(|| {
            CommandError::usage("the model's file name is not a valid model name")
                .hint("give a name with --name NAME")
        }),
    }
}

fn recipients(args: &SealArgs, inputs: &mut Inputs, output: &mut Output) -> Result<Recipients, CommandError> {
    let options = &args.recipients;
    let bounds = tpm::bounds(&args.bounds, None)?;
    let is_bounded = bounds != Bounds::default();
    let mut recipients = Recipients::within(bounds);
    recipients.add_public_keys(&options.recipients)?;
    recipients.add_files(&options.recipients_files, inputs)?;
    recipients.add_keyfiles(&options.keyfiles, inputs)?;
    if is_bounded && !recipients.has_device() {
        return Err(CommandError::usage(
            "--until-epoch and --until-clock need a device among the recipients",
        )
        .hint("add a device's recipient with -r ovdev1…"));
    }
    let passphrase = NewPassphrase {
        file: options.passphrase_file.as_ref(),
        file_option: "--passphrase-file",
        ask: options.passphrase,
        options: "-p or --passphrase-file F",
    };
    recipients.add_passphrase(&passphrase, args.require, inputs, output)?;
    Ok(recipients)
}

fn failure(path: &Path, error: SealError) -> CommandError {
    match error {
        SealError::Write(source) if source.kind() == io::ErrorKind::AlreadyExists => {
            exists(&path.display()).hint("replace it with --force")
        }
        SealError::Write(_) | SealError::Irreplaceable { .. } => {
            CommandError::from(error).context(path.display().to_string())
        }
        error => error.into(),
    }
}

fn report(args: &SealArgs, sealed: &Sealed, model: &Model, stanzas: usize, output: &mut Output) {
    listing::sealed(model, output);
    listing::left_out(model, output);
    output.note(&format!(
        "sealed {} in {} and {} into {} ({})",
        text::bytes(model.total_length()),
        text::plural(model.parts().count() as u64, "part"),
        text::plural(stanzas as u64, "stanza"),
        args.output.as_deref().unwrap_or(Path::new("")).display(),
        text::bytes(sealed.length),
    ));
    if args.publisher_key.is_some() {
        output.note("signed by its publisher");
    } else {
        output.warning(
            "the container is not signed, so its origin cannot be verified: sign it with --publisher-key F",
        );
    }
}
