//! A progress bar for work that takes longer than a second.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shorter work shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// A progress bar on stderr, if that is a terminal. The bar disappears when dropped.
pub(crate) struct Progress(Arc<Bar>);

struct Bar {
    bar: ProgressBar,
    started: Instant,
}

impl Progress {
    /// Creates a bar for `total` bytes, hidden at first.
    pub(crate) fn new(total: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        Self(Arc::new(Bar { bar, started: Instant::now() }))
    }

    /// Creates a bar for the container at `path`. Its total is the file's length, nearly all of
    /// which is payload.
    pub(crate) fn of_file(path: &Path) -> Self {
        Self::new(path.metadata().map_or(0, |metadata| metadata.len()))
    }

    /// Sets the total when it is known.
    pub(crate) fn set_total(&self, total: u64) {
        self.0.bar.set_length(total);
    }

    /// Counts bytes that are done. Any thread may call it.
    pub(crate) fn advance(&self, bytes: u64) {
        self.0.advance(bytes);
    }

    /// Returns a function that counts bytes. The function may outlive the bar, after which it does
    /// nothing.
    pub(crate) fn callback(&self) -> impl Fn(u64) + Send + Sync + 'static {
        let bar = Arc::clone(&self.0);
        move |bytes| bar.advance(bytes)
    }
}

impl Bar {
    fn advance(&self, bytes: u64) {
        if self.bar.is_finished() {
            return;
        }
        if self.bar.is_hidden() && self.started.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.bar.finish_and_clear();
    }
}

const TEMPLATE: &str = "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_counts_until_the_bar_is_gone() {
        let progress = Progress::new(10);
        let (callback, bar) = (progress.callback(), progress.0.bar.clone());
        callback(4);
        progress.advance(1);
        assert_eq!((bar.position(), bar.is_finished()), (5, false));
        drop(progress);
        callback(4);
        // A finished bar shows its total.
        assert_eq!((bar.position(), bar.is_finished()), (10, true));
    }
}
