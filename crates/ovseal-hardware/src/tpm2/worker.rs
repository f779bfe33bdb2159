//! One thread a TPM: it takes transactions from a queue, and nobody waits for it longer than the deadline.

use std::ffi::CString;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::error::TpmError;
use super::tss::{Esys, c_string};

/// A TPM, named as the TPM software stack names it (a TCTI), for example `device:/dev/tpmrm0`.
///
/// It is reached when it is asked for something, and left alone when that was some time ago. Clones share one connection and one
/// thread. Once it did not answer
/// in time it is not asked again: whoever wants to try again makes a new value.
#[derive(Clone, Debug)]
pub struct Tpm {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    tcti: CString,
    deadline: Duration,
    queue: Mutex<Queue>,
}

/// Where transactions go.
#[derive(Debug)]
enum Queue {
    /// Nothing was asked yet.
    Idle,
    /// To the thread that talks to the TPM.
    Running(Sender<Job>),
    /// Nowhere: the thread waits for an answer, perhaps for ever, and is left alone.
    Stuck,
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The connection of a TPM's thread: made at the first transaction, and again after it was lost or given up.
struct Connection {
    tcti: CString,
    esys: Option<Esys>,
}

impl Tpm {
    /// The TPM that `tcti` names; `deadline` bounds each transaction.
    ///
    /// # Errors
    /// [`TpmError::Name`] when the name contains a zero byte.
    pub fn new(tcti: &str, deadline: Duration) -> Result<Self, TpmError> {
        let tcti = c_string(tcti).ok_or(TpmError::Name)?;
        Ok(Self { shared: Arc::new(Shared { tcti, deadline, queue: Mutex::new(Queue::Idle) }) })
    }

    /// Its name.
    pub fn tcti(&self) -> String {
        self.shared.tcti.to_string_lossy().into_owned()
    }

    /// Does `work` on the TPM's thread, and gives what came of it.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Esys) -> Result<T, TpmError> + Send + 'static,
    ) -> Result<T, TpmError> {
        let (answer, answered) = mpsc::channel();
        let job: Job = Box::new(move |connection| {
            // Whoever waited may have given up.
            let _ = answer.send(connection.transact(work));
        });
        self.shared.send(job)?;
        answered.recv_timeout(self.shared.deadline).unwrap_or_else(|error| match error {
            RecvTimeoutError::Timeout => {
                *self.shared.lock() = Queue::Stuck;
                Err(TpmError::Deadline(self.shared.deadline))
            }
            RecvTimeoutError::Disconnected => Err(TpmError::NoThread),
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, job: Job) -> Result<(), TpmError> {
        let mut queue = self.lock();
        if let Queue::Idle = *queue {
            *queue = Queue::Running(self.start()?);
        }
        match &*queue {
            Queue::Running(sender) => sender.send(job).map_err(|_| TpmError::NoThread),
            Queue::Idle | Queue::Stuck => Err(TpmError::Deadline(self.deadline)),
        }
    }

    fn start(&self) -> Result<Sender<Job>, TpmError> {
        silence();
        let (sender, jobs) = mpsc::channel::<Job>();
        let tcti = self.tcti.clone();
        let work = move || Connection { tcti, esys: None }.serve(&jobs);
        let started = thread::Builder::new().name("ovseal-tpm".to_owned()).spawn(work);
        started.map(|_| sender).map_err(|_| TpmError::NoThread)
    }
}

impl Connection {
    /// Takes jobs until nobody can send any. While there are none the TPM is left to others: some serve one client at a time.
    fn serve(mut self, jobs: &Receiver<Job>) {
        loop {
            let job = match self.esys {
                Some(_) => jobs.recv_timeout(IDLE),
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match job {
                Ok(job) => job(&mut self),
                Err(RecvTimeoutError::Timeout) => self.esys = None,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn transact<T>(&mut self, work: impl FnOnce(&Esys) -> Result<T, TpmError>) -> Result<T, TpmError> {
        let esys = match self.esys.take() {
            Some(esys) => esys,
            None => Esys::connect(&self.tcti)?,
        };
        let outcome = work(&esys);
        self.esys = Some(esys).filter(|esys| !esys.is_lost());
        outcome
    }
}

/// Keeps the TPM software stack from writing to stderr, unless the variable `TSS2_LOG` says what it shall write.
///
/// It does so by setting that variable, which is sound only while the process has a single thread; later it does
/// nothing. A program calls it before it starts threads.
pub fn silence() {
    const VARIABLE: &str = "TSS2_LOG";
    if std::env::var_os(VARIABLE).is_none() && has_single_thread() {
        // SAFETY: there is no other thread that could read the environment meanwhile.
        unsafe { std::env::set_var(VARIABLE, "all+none") };
    }
}

fn has_single_thread() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

/// For how long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_beyond_the_deadline_and_a_stuck_tpm_is_not_asked_again() {
        let tpm = Tpm::new("no-such-transport", Duration::from_millis(50)).unwrap();
        let (release, held) = mpsc::channel::<()>();
        tpm.shared
            .send(Box::new(move |_| {
                let _ = held.recv();
            }))
            .unwrap();
        assert!(matches!(tpm.run(|_| Ok(())), Err(TpmError::Deadline(_))));
        drop(release);
        assert!(matches!(tpm.run(|_| Ok(())), Err(TpmError::Deadline(_))));
    }

    #[test]
    fn a_transport_that_does_not_exist_is_told() {
        let tpm = Tpm::new("no-such-transport", Duration::from_secs(20)).unwrap();
        assert!(matches!(tpm.run(|_| Ok(())), Err(TpmError::Connect { .. })));
    }
}
