//! Everything that is measured.

mod opening;
mod others;
mod reference;
mod sealing;

use crate::Result;
use crate::fixture::Fixture;
use crate::job::Job;

/// All jobs, in the order of the table.
pub(crate) fn all(fixture: &Fixture) -> Result<Vec<Job<'_>>> {
    let mut jobs = reference::jobs(fixture)?;
    jobs.extend(opening::jobs(fixture)?);
    jobs.extend(sealing::jobs(fixture));
    jobs.extend(others::jobs(fixture));
    Ok(jobs)
}
