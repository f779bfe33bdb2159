//! How fast one job is beside another, in the same rounds.

use serde::Serialize;

use crate::job::Series;
use crate::statistics::Summary;

/// One job's rate divided by another's.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ratio {
    /// Its name in the JSON.
    pub(crate) id: &'static str,
    /// Its name for readers.
    pub(crate) title: &'static str,
    /// The job above the line.
    pub(crate) of: &'static str,
    /// The job below the line.
    pub(crate) to: &'static str,
    /// In how many rounds both took their turn.
    pub(crate) rounds: usize,
    /// Of the ratios of these rounds.
    #[serde(flatten)]
    pub(crate) summary: Summary,
}

/// All ratios whose jobs were measured.
pub(crate) fn all(series: &[Series]) -> Vec<Ratio> {
    let chosen = match ovseal::AeadProvider::detect() {
        ovseal::AeadProvider::Ring => "aes_ring",
        ovseal::AeadProvider::AwsLc => "aes_aws_lc",
    };
    let alone = (ONE_THREAD, "1 thread, any sender / AES-GCM alone", "open_any_1", chosen);
    let ratios = std::iter::once(&alone).chain(&RATIOS);
    ratios.filter_map(|&(id, title, of, to)| ratio(series, id, title, of, to)).collect()
}

fn ratio(
    series: &[Series],
    id: &'static str,
    title: &'static str,
    of: &'static str,
    to: &'static str,
) -> Option<Ratio> {
    let rates = |id| series.iter().find(|series| series.id == id).map(|series| &series.rates[..]);
    let (rounds, summary) = paired(rates(of)?, rates(to)?)?;
    Some(Ratio { id, title, of, to, rounds, summary })
}

/// Divides round by round where both took their turn: in how many rounds that was, and the quotients.
pub(crate) fn paired(of: &[Option<f64>], to: &[Option<f64>]) -> Option<(usize, Summary)> {
    let quotients: Vec<f64> = of.iter().zip(to).filter_map(|(of, to)| Some((*of)? / (*to)?)).collect();
    Some((quotients.len(), Summary::of(quotients)?))
}

/// Opening on one thread beside AES-GCM alone.
pub(crate) const ONE_THREAD: &str = "one_thread_to_aes";

/// Opening on two threads beside one.
pub(crate) const TWO_THREADS: &str = "two_threads_to_one";

/// Opening with digests beside its steps in series.
pub(crate) const DIGESTS: &str = "digests_to_series";

/// Name, title, the job above the line and the one below it.
const RATIOS: [(&str, &str, &str, &str); 10] = [
    ("one_thread_to_steps", "1 thread, any sender / `pread`, then AES-GCM", "open_any_1", "pread_aes"),
    (TWO_THREADS, "2 threads / 1 thread, any sender", "open_any_2", "open_any_1"),
    (
        DIGESTS,
        "1 thread, named publisher / `pread`, BLAKE3 and AES-GCM in series",
        "open_publisher_1",
        "pread_blake3_aes",
    ),
    (
        "digests_two_threads_to_one",
        "2 threads / 1 thread, named publisher",
        "open_publisher_2",
        "open_publisher_1",
    ),
    ("open_to_age", "1 thread, any sender / age decrypting", "open_any_1", "age_decrypt"),
    (
        "fresh_to_cryptotensors",
        "named publisher, fresh memory / cryptotensors loading",
        "open_publisher_fresh",
        "cryptotensors_load",
    ),
    (
        "any_fresh_to_cryptotensors",
        "any sender, fresh memory / cryptotensors loading",
        "open_any_fresh",
        "cryptotensors_load",
    ),
    ("seal_to_write", "sealing, 2 threads / `fallocate`, `write` and `fsync` alone", "seal_2", "write_fsync"),
    ("seal_to_age", "sealing to the disk, 2 threads / age encrypting in memory", "seal_2", "age_encrypt"),
    ("seal_to_cryptotensors", "sealing, 2 threads / cryptotensors saving", "seal_2", "cryptotensors_save"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Unit;

    #[test]
    fn ratios_are_taken_round_by_round() {
        let series = |id, rates| Series { id, title: String::new(), unit: Unit::Gigabytes, rates };
        let one = series("open_any_1", vec![Some(2.0), Some(4.0), Some(1.0)]);
        let two = series("open_any_2", vec![Some(4.0), None, Some(3.0)]);
        let ratios = all(&[one, two]);
        assert_eq!(ratios.len(), 1);
        assert_eq!(ratios[0].summary, Summary { median: 2.5, min: 2.0, max: 3.0 });
    }
}
