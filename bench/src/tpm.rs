//! Measures openings with a TPM, relative to a key file. swtpm simulates the TPM, on its own
//! socket.

use std::fs;
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
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::options::Benchmark;
use crate::process::Temporary;
use crate::runner::Facts;
use crate::turns::Method;
use crate::{Places, Result, timed};

/// One opening.
#[derive(Serialize, Deserialize)]
struct Sample {
    seconds: f64,
}

/// Measures every method of opening.
pub(crate) fn run(benchmark: &Benchmark, environment: Environment, places: &Places) -> Result<()> {
    let mut run = places.begin(benchmark, environment)?;
    let mut fixture = Fixture::create(&places.dir)?;
    let facts = Facts { fixture: "container".to_owned(), bytes: LENGTH as u64, ..Facts::default() };
    let measured = |&(name, open): &(&'static str, Open)| {
        Method::new(name, move |fixture: &mut Fixture| {
            Ok(Sample { seconds: timed(|| open(fixture))?.as_secs_f64() })
        })
    };
    run.measure(facts, &mut fixture, METHODS.iter().map(measured).collect())
}

/// Opens a container as a new process does: reads the device's file, and connects to the TPM.
type Open = fn(&Fixture) -> Result<()>;

/// The methods. All others are compared with the first, which does everything except the TPM's
/// part.
const METHODS: [(&str, Open); 5] = [
    ("keyfile", |fixture| fixture.read(fixture.options(), "keyfile", &fixture.key)),
    // A key without a policy.
    ("tpm", |fixture| fixture.read(fixture.options(), "plain", &fixture.identity("plain")?)),
    // A key bound to PCR values, and a stanza bound to PCR values and an epoch.
    ("tpm_bound", |fixture| fixture.read(fixture.options(), "bound", &fixture.identity("bound")?)),
    // A key that requires an approved state.
    ("tpm_approved", |fixture| fixture.read(fixture.options(), "approved", &fixture.identity("approved")?)),
    // A key file, and a rollback state under the TPM.
    ("rollback_state", |fixture| {
        let state = RollbackState::anchored(fixture.file("state"), Arc::new(fixture.anchor()?));
        fixture.read(fixture.options().rollback_state(state), "keyfile", &fixture.key)
    }),
];

/// A TPM, three devices in it, and a container for each.
struct Fixture {
    swtpm: Swtpm,
    directory: Temporary,
    key: KeyFile,
    trust: Trust,
}

impl Fixture {
    fn create(directory: &Path) -> Result<Self> {
        let publisher = PublisherKey::generate()?;
        let fixture = Self {
            swtpm: Swtpm::start(),
            directory: Temporary::create(directory.join("tpm"))?,
            key: KeyFile::generate()?,
            trust: Trust::Publishers(vec![publisher.publisher().clone()]),
        };
        fs::write(fixture.file(PART), vec![7; LENGTH])?;
        let tpm = fixture.tpm()?;
        let values = tpm.pcr_values(&pcrs()?)?;
        let plain = fixture.enroll(&tpm, "plain", DevicePolicy::default())?;
        let bound = fixture.enroll(&tpm, "bound", DevicePolicy::default().pcr(values.clone()))?;
        let approved = fixture.enroll_approved(&tpm, values.clone())?;
        let bounds = Bounds::default().pcr(values).epoch_at_most(bound.epoch(&tpm)?);
        let recipients: [(&str, &dyn Recipient); 4] = [
            ("keyfile", &fixture.key),
            ("plain", &plain.recipient()),
            ("bound", &bound.recipient().with_bounds(bounds)),
            ("approved", &approved.recipient()),
        ];
        for (name, recipient) in recipients {
            fixture.seal(name, recipient, &publisher)?;
        }
        RollbackState::create_anchored(&fixture.file("state"), Arc::new(fixture.anchor()?))?;
        Ok(fixture)
    }

    fn options(&self) -> OpenOptions {
        OpenOptions::new(self.trust.clone())
    }

    fn read(&self, options: OpenOptions, name: &str, identity: &dyn Identity) -> Result<()> {
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
        let policy = DevicePolicy::default().approved(pcrs()?, approver.approver());
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
        self.directory.join(name)
    }
}

fn pcrs() -> Result<ovseal_hardware::tpm2::PcrList> {
    PcrDemand::parse("0,2,4,7")?.list().ok_or_else(|| "PCRs without values".into())
}

const PART: &str = "weights.bin";

/// Length of the sealed part. It is small, because the TPM's share of the time does not grow with
/// it.
const LENGTH: usize = 1 << 20;

const DEADLINE: Duration = Duration::from_secs(20);
