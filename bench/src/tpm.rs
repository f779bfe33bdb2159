//! What a TPM adds to an opening: swtpm, on a socket of its own, in the place of a TPM.

use std::fmt::{self, Write as _};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ovseal::{
    Identity, KeyFile, Model, ModelName, ModelOptions, OpenOptions, PublisherKey, Recipient, RollbackState,
    SealOptions, Trust,
};
use ovseal_hardware::tpm2::{
    ApproverKey, Bounds, Device, DeviceIdentity, DevicePolicy, EnrollOptions, PcrDemand, PcrValues, Tpm,
    TpmAnchor,
};
use ovseal_testkit::Swtpm;
use serde::Serialize;

use crate::Result;
use crate::document;
use crate::fixture::emptied;
use crate::job::{order, progress, timed};
use crate::machine::Machine;
use crate::statistics::Summary;
use crate::targets::Target;

/// How the TPM's part in an opening is measured.
#[derive(clap::Args)]
pub(crate) struct TpmTask {
    /// How often everything is measured
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Where the results go as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// The document between whose markers the table goes
    #[arg(long)]
    document: Option<PathBuf>,
    /// An existing folder; the folder `tpm` in it is emptied and removed
    #[arg(long)]
    folder: PathBuf,
}

impl TpmTask {
    /// Measures, and tells what was found.
    #[expect(clippy::print_stdout, reason = "the table is the result")]
    pub(crate) fn run(&self) -> Result<()> {
        let json = self.json.as_ref().map(fs::File::create).transpose()?;
        let outcome = self.measure()?;
        let table = outcome.markdown();
        println!("\n{table}");
        if let Some(mut file) = json {
            writeln!(file, "{}", serde_json::to_string_pretty(&outcome)?)?;
        }
        if let Some(file) = &self.document {
            document::insert(file, "tpm", &table)?;
        }
        Ok(())
    }

    fn measure(&self) -> Result<Outcome> {
        let stage = Stage::set(&self.folder)?;
        let mut seconds = vec![Vec::new(); WAYS.len()];
        for round in 0..self.rounds {
            progress(round, self.rounds);
            for index in order(WAYS.len(), round, self.rounds) {
                seconds[index].push(timed(|| stage.open(WAYS[index].0))?.as_secs_f64());
            }
        }
        Ok(Outcome::new(self.rounds, &seconds))
    }
}

/// How a container is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// With a key file: everything but the TPM's part.
    KeyFile,
    /// With a device's key that demands nothing.
    Plain,
    /// With a device's key that demands values of registers, and a stanza that demands some and an epoch.
    Bound,
    /// With a device's key that demands an approved state.
    Approved,
    /// With a key file, and a rollback state under the TPM.
    RollbackState,
}

/// Each way, its name in the JSON, and its name for readers. All but the first are compared with it.
const WAYS: [(Way, &str, &str); 5] = [
    (Way::KeyFile, "keyfile", "key file"),
    (Way::Plain, "tpm", "TPM"),
    (Way::Bound, "tpm_bound", "TPM, values of registers for key and stanza, an epoch"),
    (Way::Approved, "tpm_approved", "TPM, an approved state"),
    (Way::RollbackState, "rollback_state", "key file, rollback state under the TPM"),
];

/// A TPM, three devices in it, and what is sealed to them. Dropping it removes the files.
struct Stage {
    swtpm: Swtpm,
    folder: PathBuf,
    key: KeyFile,
    trust: Trust,
}

impl Stage {
    fn set(folder: &Path) -> Result<Self> {
        let publisher = PublisherKey::generate()?;
        let stage = Self {
            swtpm: Swtpm::start(),
            folder: emptied(folder.join("tpm"))?,
            key: KeyFile::generate()?,
            trust: Trust::Publishers(vec![publisher.publisher().clone()]),
        };
        fs::write(stage.file(PART), vec![7; LENGTH])?;
        let tpm = stage.tpm()?;
        let values = tpm.pcr_values(&registers()?)?;
        let plain = stage.enroll(&tpm, "plain", DevicePolicy::default())?;
        let bound = stage.enroll(&tpm, "bound", DevicePolicy::default().pcr(values.clone()))?;
        let approved = stage.enroll_approved(&tpm, values.clone())?;
        let bounds = Bounds::default().pcr(values).epoch_at_most(bound.epoch(&tpm)?);
        let recipients: [(&str, &dyn Recipient); 4] = [
            ("keyfile", &stage.key),
            ("plain", &plain.recipient()),
            ("bound", &bound.recipient().with_bounds(bounds)),
            ("approved", &approved.recipient()),
        ];
        for (name, recipient) in recipients {
            stage.seal(name, recipient, &publisher)?;
        }
        RollbackState::create_anchored(&stage.file("state"), Arc::new(stage.anchor()?))?;
        Ok(stage)
    }

    /// Opens a container as a new process does: the device's file is read, and a connection is made.
    fn open(&self, way: Way) -> Result<()> {
        let options = OpenOptions::new(self.trust.clone());
        match way {
            Way::KeyFile => self.read(&options, "keyfile", &self.key),
            Way::Plain => self.read(&options, "plain", &self.identity("plain")?),
            Way::Bound => self.read(&options, "bound", &self.identity("bound")?),
            Way::Approved => self.read(&options, "approved", &self.identity("approved")?),
            Way::RollbackState => {
                let state = RollbackState::anchored(self.file("state"), Arc::new(self.anchor()?));
                self.read(&options.rollback_state(state), "keyfile", &self.key)
            }
        }
    }

    fn read(&self, options: &OpenOptions, name: &str, identity: &dyn Identity) -> Result<()> {
        let opened = options.open(&self.container(name), &[identity])?;
        opened.part(PART)?.read()?;
        Ok(opened.accept()?)
    }

    fn seal(&self, name: &str, recipient: &dyn Recipient, publisher: &PublisherKey) -> Result<()> {
        let model = Model::find(&self.file(PART), ModelOptions::default())?;
        let options = SealOptions::new(ModelName::parse("bench")?).recipient(recipient).publisher(publisher);
        options.seal(&model, &self.container(name))?;
        Ok(())
    }

    fn enroll(&self, tpm: &Tpm, name: &str, policy: DevicePolicy) -> Result<Device> {
        Ok(EnrollOptions::new(policy).enroll(tpm, &self.file(name))?)
    }

    fn enroll_approved(&self, tpm: &Tpm, values: PcrValues) -> Result<Device> {
        let approver = ApproverKey::generate()?;
        let policy = DevicePolicy::default().approved(registers()?, approver.approver());
        let device = self.enroll(tpm, "approved", policy)?;
        fs::write(self.file("approved/state.approval"), approver.approve(values)?.encode())?;
        Ok(device)
    }

    fn anchor(&self) -> Result<TpmAnchor> {
        Ok(TpmAnchor::new(self.identity("plain")?))
    }

    fn identity(&self, name: &str) -> Result<DeviceIdentity> {
        Ok(DeviceIdentity::new(Device::load(&self.file(name))?, self.tpm()?))
    }

    fn tpm(&self) -> Result<Tpm> {
        Ok(Tpm::new(&self.swtpm.tcti(), DEADLINE)?)
    }

    fn container(&self, name: &str) -> PathBuf {
        self.file(&format!("{name}.ovseal"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Nothing is left to do about files that cannot be removed.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn registers() -> Result<ovseal_hardware::tpm2::PcrList> {
    PcrDemand::parse("0,2,4,7")?.list().ok_or_else(|| "registers without values".into())
}

/// Everything that a run found, as it stands in the JSON.
#[derive(Serialize)]
struct Outcome {
    machine: Machine,
    rounds: u32,
    openings: Vec<Opening>,
    targets: Vec<Target>,
}

/// One way of opening, in milliseconds.
#[derive(Serialize)]
struct Opening {
    id: &'static str,
    title: &'static str,
    /// The whole opening.
    whole: Summary,
    /// What it takes longer than with the key file, in the same rounds.
    added: Option<Summary>,
}

impl Outcome {
    fn new(rounds: u32, seconds: &[Vec<f64>]) -> Self {
        let openings: Vec<Opening> =
            WAYS.iter().zip(seconds).filter_map(|(way, own)| Opening::new(*way, own, &seconds[0])).collect();
        let most = openings.iter().filter_map(|opening| Some(opening.added?.median)).fold(0.0, f64::max);
        let wanted = format!("the TPM adds less than {LIMIT_MS} ms to an opening, in each way");
        let target = Target { wanted, found: format!("at most {most:.1} ms"), met: most < LIMIT_MS };
        Self { machine: Machine::detect(), rounds, openings, targets: vec![target] }
    }

    /// The table for people.
    fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "{} rounds. {}\n", self.rounds, self.machine.describe())?;
        writeln!(
            text,
            "| opening with | whole, ms | min–max | added, ms | min–max |\n|---|---:|---:|---:|---:|"
        )?;
        for Opening { title, whole, added, .. } in &self.openings {
            let (added, spread) = added.as_ref().map(cells).unwrap_or_default();
            let (whole, whole_spread) = cells(whole);
            writeln!(text, "| {title} | {whole} | {whole_spread} | {added} | {spread} |")?;
        }
        writeln!(text, "\n| target | found | |\n|---|---|---|")?;
        self.targets.iter().try_for_each(|Target { wanted, found, met }| {
            writeln!(text, "| {wanted} | {found} | {} |", if *met { "met" } else { "**missed**" })
        })
    }
}

impl Opening {
    fn new((_, id, title): (Way, &'static str, &'static str), own: &[f64], base: &[f64]) -> Option<Self> {
        let milliseconds = |seconds: f64| seconds * 1e3;
        let added = own.iter().zip(base).map(|(own, base)| milliseconds(own - base));
        let added = if id == WAYS[0].1 { None } else { Summary::of(added) };
        Some(Self { id, title, whole: Summary::of(own.iter().copied().map(milliseconds))?, added })
    }
}

fn cells(summary: &Summary) -> (String, String) {
    (format!("{:.1}", summary.median), format!("{:.1}–{:.1}", summary.min, summary.max))
}

const PART: &str = "weights.bin";
/// Bytes of the sealed part: small, because the TPM's part does not grow with it.
const LENGTH: usize = 1 << 20;
const DEADLINE: Duration = Duration::from_secs(20);
const LIMIT_MS: f64 = 60.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_taken_round_by_round() {
        let seconds =
            [vec![0.010, 0.030], vec![0.030, 0.040], vec![0.09, 0.09], vec![0.01, 0.03], vec![0.01, 0.03]];
        let outcome = Outcome::new(2, &seconds);
        assert!(outcome.openings[0].added.is_none());
        let added = outcome.openings[1].added.unwrap();
        assert!((added.min - 10.0).abs() < 1e-9 && (added.max - 20.0).abs() < 1e-9);
        assert!(!outcome.targets[0].met, "70 ms in the second way");
    }
}
