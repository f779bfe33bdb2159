//! The thread that fills the kernel's page cache ahead of readers, and empties it afterwards.
//!
//! It answers no requests: storing waits for pages that the kernel has locked for a request, and
//! would wait for itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fuser::{INodeNo, Notifier};

use crate::files::Files;
use crate::lock::lock;

/// A running thread. Dropping this value ends it.
pub(crate) struct Pages {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// The state that the thread and the answers to requests share.
pub(crate) struct Shared {
    pending: Mutex<Pending>,
    wake: Condvar,
    /// Files are decrypted ahead.
    ahead: bool,
    /// The time between the last close of a file and the end of its pages.
    forget_after: Duration,
}

/// Pending work.
#[derive(Default)]
struct Pending {
    /// The files to store, and the next chunk of each.
    store: VecDeque<(u64, u64)>,
    /// The files of which storing has begun since they were last forgotten.
    begun: BTreeSet<u64>,
    /// The time at which a closed file is forgotten.
    forget: BTreeMap<u64, Instant>,
    drop_all: bool,
    stop: bool,
}

/// The next step.
enum Step {
    Store(u64, u64),
    Forget(u64),
    DropAll,
    Stop,
}

impl Shared {
    pub(crate) fn new(ahead: bool, forget_after: Duration) -> Self {
        Self { pending: Mutex::default(), wake: Condvar::new(), ahead, forget_after }
    }

    /// Begins to store a file that was opened, unless that has begun before.
    ///
    /// Not earlier: the kernel ignores pages of a file that it does not know yet.
    pub(crate) fn opened(&self, number: u64) {
        let mut pending = lock(&self.pending);
        pending.forget.remove(&number);
        if self.ahead && pending.begun.insert(number) {
            pending.store.push_back((number, 0));
            self.wake.notify_one();
        }
    }

    /// Forgets a file later, unless it is opened again.
    pub(crate) fn closed(&self, number: u64) {
        // A time that no clock reaches means never.
        let Some(time) = Instant::now().checked_add(self.forget_after) else { return };
        lock(&self.pending).forget.insert(number, time);
        self.wake.notify_one();
    }

    /// Drops all plaintext now. Open files are decrypted again when they are read.
    pub(crate) fn drop_all(&self) {
        lock(&self.pending).drop_all = true;
        self.wake.notify_one();
    }

    fn next(&self) -> Step {
        let mut pending = lock(&self.pending);
        loop {
            match pending.next(Instant::now()) {
                Ok(step) => return step,
                Err(None) => {
                    pending = self.wake.wait(pending).unwrap_or_else(PoisonError::into_inner);
                }
                Err(Some(time)) => {
                    let waited = self.wake.wait_timeout(pending, time);
                    pending = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }
}

impl Pending {
    /// Returns the most urgent step, or the time until the next one is due.
    fn next(&mut self, now: Instant) -> Result<Step, Option<Duration>> {
        if self.stop {
            return Ok(Step::Stop);
        }
        if std::mem::take(&mut self.drop_all) {
            self.store.clear();
            self.begun.clear();
            return Ok(Step::DropAll);
        }
        if let Some((&number, _)) = self.forget.iter().find(|(_, time)| **time <= now) {
            self.forget.remove(&number);
            self.store.retain(|(other, _)| *other != number);
            self.begun.remove(&number);
            return Ok(Step::Forget(number));
        }
        if let Some((number, index)) = self.store.front_mut() {
            let step = Step::Store(*number, *index);
            *index += 1;
            return Ok(step);
        }
        Err(self.forget.values().min().map(|time| time.saturating_duration_since(now)))
    }

    /// Ends the storing of a file.
    fn stored(&mut self, number: u64) {
        self.store.retain(|(other, _)| *other != number);
    }
}

impl Pages {
    /// Starts the thread.
    ///
    /// # Errors
    /// Fails if the system has no more threads.
    pub(crate) fn start(shared: Arc<Shared>, files: Arc<Files>, notifier: Notifier) -> io::Result<Self> {
        let worker = Worker { shared: Arc::clone(&shared), files, notifier };
        let thread = std::thread::Builder::new().name("ovseal-pages".to_owned());
        Ok(Self { shared, thread: Some(thread.spawn(move || worker.run())?) })
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        lock(&self.shared.pending).stop = true;
        self.shared.wake.notify_one();
        // A panic there does not concern this thread.
        self.thread.take().map(JoinHandle::join);
    }
}

struct Worker {
    shared: Arc<Shared>,
    files: Arc<Files>,
    notifier: Notifier,
}

impl Worker {
    fn run(self) {
        loop {
            match self.shared.next() {
                Step::Store(number, index) => {
                    self.let_faults_pass();
                    if !self.store(number, index) {
                        lock(&self.shared.pending).stored(number);
                    }
                }
                Step::Forget(number) if self.files.is_open(number) => {}
                Step::Forget(number) => self.forget(number),
                Step::DropAll => {
                    self.files.tree.files().for_each(|(number, _)| self.invalidate(number));
                    self.files.forget(None);
                }
                Step::Stop => return,
            }
        }
    }

    /// Waits for requests that are decrypting, but not for ever: storing makes further requests
    /// unnecessary.
    fn let_faults_pass(&self) {
        for _ in 0..PATIENCE {
            if !self.files.is_faulting() {
                return;
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Stores a chunk, and returns false if there is nothing more to store of this file.
    fn store(&self, number: u64, index: u64) -> bool {
        let Some(file) = self.files.tree.file(number) else { return false };
        if index >= file.chunks() {
            return false;
        }
        // A failure is reported. Readers of that chunk get their error.
        let Ok(chunk) = self.files.ahead(number, index) else { return false };
        let start = index * file.chunk_size;
        let stored = chunk
            .chunks(PIECE)
            .zip((start..).step_by(PIECE))
            .try_for_each(|(piece, offset)| self.notifier.store(INodeNo(number), offset, piece));
        // A kernel that takes no more pages will ask for them.
        stored.is_ok()
    }

    fn forget(&self, number: u64) {
        self.invalidate(number);
        self.files.forget(Some(number));
    }

    /// Removes a file's pages from the kernel's cache. This fails only when nothing is mounted.
    fn invalidate(&self, number: u64) {
        let _ = self.notifier.inval_inode(INodeNo(number), 0, 0);
    }
}

/// The most bytes that one notification stores: the kernel locks its pages one by one.
const PIECE: usize = 1 << 20;

/// Tenths of a millisecond that requests go first: as long as a large chunk takes.
const PATIENCE: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(pending: &mut Pending, now: Instant) -> Vec<(u64, u64)> {
        std::iter::from_fn(|| match pending.next(now) {
            Ok(Step::Store(number, index)) if index < 2 => Some((number, index)),
            Ok(Step::Store(number, _)) => {
                pending.stored(number);
                Some((number, 9))
            }
            _ => None,
        })
        .collect()
    }

    #[test]
    fn files_are_stored_in_the_order_of_their_first_open() {
        let shared = Shared::new(true, Duration::ZERO);
        [3, 2, 3].into_iter().for_each(|number| shared.opened(number));
        let mut pending = lock(&shared.pending);
        assert_eq!(steps(&mut pending, Instant::now()), [(3, 0), (3, 1), (3, 9), (2, 0), (2, 1), (2, 9)]);
    }

    #[test]
    fn a_closed_file_is_forgotten_later_unless_it_is_opened_again() {
        let after = Duration::from_secs(30);
        let shared = Shared::new(true, after);
        let start = Instant::now();
        [2, 3].into_iter().for_each(|number| shared.opened(number));
        [2, 3].into_iter().for_each(|number| shared.closed(number));
        shared.opened(3);
        let mut pending = lock(&shared.pending);
        steps(&mut pending, start);
        let Err(Some(wait)) = pending.next(start) else { panic!("nothing is due yet") };
        assert!(wait >= after);
        let later = start + 2 * after;
        assert!(matches!(pending.next(later), Ok(Step::Forget(2))));
        assert!(matches!(pending.next(later), Err(None)));
        assert_eq!(pending.begun, [3].into(), "a forgotten file is stored again when it is opened");
    }

    #[test]
    fn dropping_all_comes_before_everything_but_the_end() {
        let shared = Shared::new(true, Duration::ZERO);
        shared.opened(2);
        shared.drop_all();
        let mut pending = lock(&shared.pending);
        assert!(matches!(pending.next(Instant::now()), Ok(Step::DropAll)));
        assert!(matches!(pending.next(Instant::now()), Err(None)));
        pending.stop = true;
        assert!(matches!(pending.next(Instant::now()), Ok(Step::Stop)));
    }
}
