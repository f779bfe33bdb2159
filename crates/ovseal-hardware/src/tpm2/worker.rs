//! The thread of a TPM, which takes transactions from a queue. Callers wait up to a deadline.

use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::error::TpmError;
use super::tss::{Esys, c_string};
use crate::lock::lock;
use crate::sys::has_single_thread;

/// A TPM, specified by its TCTI in the TPM software stack, for example [`KERNEL_TPM`].
///
/// Connects on first use and disconnects after 100 ms idle. Clones share one connection and one
/// thread. After a missed deadline, the connection is not used again. To try again, create a new
/// value.
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

/// The destination of transactions.
#[derive(Debug)]
enum Queue {
    /// There is no thread yet, because there was no transaction.
    Idle,
    /// The thread that talks to the TPM.
    Running(Worker),
    /// The thread was abandoned, because it waits for an answer, perhaps forever.
    Stuck,
}

/// The thread that talks to the TPM.
#[derive(Debug)]
struct Worker {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
    /// The process that has the thread. A forked child does not.
    process: u32,
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The connection of a TPM's thread: made on first use, and again after it was lost or closed.
struct Connection {
    tcti: CString,
    esys: Option<Esys>,
}

impl Tpm {
    /// Specifies a TPM, with a `deadline` for each transaction.
    ///
    /// # Errors
    /// [`TpmError::Name`] if the name contains a zero byte.
    pub fn new(tcti: &str, deadline: Duration) -> Result<Self, TpmError> {
        let tcti = c_string(tcti).ok_or(TpmError::Name)?;
        Ok(Self { shared: Arc::new(Shared { tcti, deadline, queue: Mutex::new(Queue::Idle) }) })
    }

    /// Returns the TPM's name.
    pub fn tcti(&self) -> String {
        self.shared.tcti.to_string_lossy().into_owned()
    }

    /// Runs `work` on the TPM's thread and returns its result.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Esys) -> Result<T, TpmError> + Send + 'static,
    ) -> Result<T, TpmError> {
        let (answer, answered) = mpsc::channel();
        let (waiter, deadline) = (Arc::new(()), self.shared.deadline);
        let waiting = Arc::downgrade(&waiter);
        let begun = Arc::new(AtomicBool::new(false));
        let begins = begun.clone();
        let job: Job = Box::new(move |connection| {
            begins.store(true, Ordering::Release);
            let outcome = connection.transact(|esys| {
                ensure_waiting(&waiting, deadline)?;
                work(esys)
            });
            // Fails if the caller has given up.
            let _ = answer.send(outcome);
        });
        self.shared.send(job)?;
        let answer = answered.recv_timeout(deadline);
        drop(waiter);
        answer.unwrap_or_else(|error| match error {
            RecvTimeoutError::Timeout => {
                // A job that was still in the queue says nothing about the TPM.
                if begun.load(Ordering::Acquire) {
                    *lock(&self.shared.queue) = Queue::Stuck;
                }
                Err(TpmError::Deadline(deadline))
            }
            RecvTimeoutError::Disconnected => Err(TpmError::NoThread),
        })
    }
}

impl Shared {
    fn send(&self, job: Job) -> Result<(), TpmError> {
        let mut queue = lock(&self.queue);
        if let Queue::Idle = *queue {
            *queue = self.start()?;
        } else if queue.is_inherited() {
            std::mem::forget(std::mem::replace(&mut *queue, self.start()?));
        }
        match &*queue {
            Queue::Running(worker) => worker.jobs.send(job).map_err(|_| TpmError::NoThread),
            Queue::Idle | Queue::Stuck => Err(TpmError::Deadline(self.deadline)),
        }
    }

    fn start(&self) -> Result<Queue, TpmError> {
        silence();
        let (jobs, received) = mpsc::channel::<Job>();
        let tcti = self.tcti.clone();
        let work = move || Connection { tcti, esys: None }.serve(&received);
        let started = thread::Builder::new().name("ovseal-tpm".to_owned()).spawn(work);
        let running = |thread| Queue::Running(Worker { jobs, thread, process: std::process::id() });
        started.map(running).map_err(|_| TpmError::NoThread)
    }
}

impl Queue {
    /// Returns whether the thread stayed with the parent process, so that there is nothing to join
    /// or detach.
    fn is_inherited(&self) -> bool {
        matches!(self, Self::Running(worker) if worker.process != std::process::id())
    }
}

impl Drop for Shared {
    /// Waits for the thread to end.
    ///
    /// A thread that ends while the process exits can crash, because libraries that it used, such
    /// as OpenSSL, have been cleaned up.
    fn drop(&mut self) {
        let queue = self.queue.get_mut().unwrap_or_else(PoisonError::into_inner);
        let queue = std::mem::replace(queue, Queue::Idle);
        if queue.is_inherited() {
            std::mem::forget(queue);
        } else if let Queue::Running(Worker { jobs, thread, .. }) = queue {
            drop(jobs);
            // A thread that panicked has also ended.
            let _ = thread.join();
        }
    }
}

impl Connection {
    /// Runs jobs until there are no more senders.
    ///
    /// Disconnects while idle, because some TPMs serve one client at a time.
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

    /// Connects to the TPM.
    ///
    /// A raw device (`/dev/tpm0`) serves one process at a time, which keeps it open for [`IDLE`].
    fn connect(&self) -> Result<Esys, TpmError> {
        let attempts = if self.tcti.to_bytes().starts_with(b"device") { CONNECT_ATTEMPTS } else { 1 };
        retry_connect(attempts, || Esys::connect(&self.tcti))
    }

    fn transact<T>(&mut self, work: impl FnOnce(&Esys) -> Result<T, TpmError>) -> Result<T, TpmError> {
        let esys = match self.esys.take() {
            Some(esys) => esys,
            None => self.connect()?,
        };
        let outcome = work(&esys);
        self.esys = Some(esys).filter(|esys| !esys.is_lost());
        outcome
    }
}

/// Fails if the caller has given up. An abandoned job must not modify the TPM.
fn ensure_waiting(waiting: &Weak<()>, deadline: Duration) -> Result<(), TpmError> {
    if waiting.strong_count() > 0 { Ok(()) } else { Err(TpmError::Deadline(deadline)) }
}

/// Tries up to `attempts` times, because the library has one error for a busy and a missing device.
fn retry_connect<T>(attempts: u32, mut connect: impl FnMut() -> Result<T, TpmError>) -> Result<T, TpmError> {
    for _ in 1..attempts {
        match connect() {
            Err(TpmError::Connect { code: IO_ERROR, .. }) => thread::sleep(CONNECT_PAUSE),
            outcome => return outcome,
        }
    }
    connect()
}

/// Keeps the TPM software stack from writing to stderr, unless `TSS2_LOG` is set.
///
/// This function sets that environment variable, which is sound only while the process has a single
/// thread. Call it before you start threads: after that, it does nothing.
pub fn silence() {
    const VARIABLE: &str = "TSS2_LOG";
    if std::env::var_os(VARIABLE).is_none() && has_single_thread() {
        // SAFETY: no other thread exists that could read the environment at the same time.
        unsafe { std::env::set_var(VARIABLE, "all+none") };
    }
}

/// TCTI of the kernel's TPM behind its resource manager.
pub const KERNEL_TPM: &str = "device:/dev/tpmrm0";

/// Suggested deadline for a hardware TPM. Slow ones take a second or two to create a key.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Idle time after which a connection is closed.
const IDLE: Duration = Duration::from_millis(100);

/// Together they outlast [`IDLE`].
const CONNECT_ATTEMPTS: u32 = 5;
const CONNECT_PAUSE: Duration = Duration::from_millis(50);

/// `TSS2_TCTI_RC_IO_ERROR`.
const IO_ERROR: u32 = 0xa_000a;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::os::unix::net::UnixListener;

    use super::*;

    /// A TPM whose thread is busy until the sender is dropped.
    fn busy() -> (Tpm, Sender<()>) {
        let tpm = Tpm::new("no-such-transport", Duration::from_millis(50)).unwrap();
        let (release, held) = mpsc::channel::<()>();
        let wait = move |_: &mut Connection| {
            let _ = held.recv();
        };
        tpm.shared.send(Box::new(wait)).unwrap();
        (tpm, release)
    }

    #[test]
    fn callers_wait_no_longer_than_the_deadline() {
        let (tpm, release) = busy();
        assert!(matches!(tpm.run(|_| Ok(())), Err(TpmError::Deadline(_))));
        drop(release);
    }

    #[test]
    fn a_caller_that_gave_up_in_the_queue_leaves_the_tpm_usable() {
        let (tpm, release) = busy();
        assert!(matches!(tpm.run(|_| Ok(())), Err(TpmError::Deadline(_))));
        drop(release);
        // There is no deadline, because a busy machine would miss it.
        let (sender, answered) = mpsc::channel();
        let ask = move |connection: &mut Connection| sender.send(connection.transact(|_| Ok(()))).unwrap();
        tpm.shared.send(Box::new(ask)).unwrap();
        assert!(matches!(answered.recv().unwrap(), Err(TpmError::Connect { .. })), "the thread continues");
    }

    #[test]
    fn a_stuck_tpm_is_not_used_again() {
        let directory = tempfile::tempdir().unwrap();
        // Both sockets of a swtpm accept connections, and nothing answers.
        let silent = ["tpm", "tpm.ctrl"].map(|name| UnixListener::bind(directory.path().join(name)).unwrap());
        let tcti = format!("swtpm:path={}", directory.path().join("tpm").display());
        let tpm = Tpm::new(&tcti, Duration::from_millis(200)).unwrap();
        for _ in 0..2 {
            assert!(matches!(tpm.run(|_| Ok(())), Err(TpmError::Deadline(_))));
        }
        assert!(matches!(*lock(&tpm.shared.queue), Queue::Stuck));
        drop(silent);
    }

    /// Libraries may do work at the end of a thread.
    #[test]
    fn the_thread_has_ended_when_the_last_clone_is_dropped() {
        struct AtTheEnd(mpsc::Sender<()>);
        impl Drop for AtTheEnd {
            fn drop(&mut self) {
                thread::sleep(Duration::from_millis(50));
                self.0.send(()).unwrap();
            }
        }
        thread_local!(static KEPT: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) });
        let tpm = Tpm::new("no-such-transport", DEADLINE).unwrap();
        let (sender, ended) = mpsc::channel();
        let keep = move |_: &mut Connection| KEPT.with(|kept| *kept.borrow_mut() = Some(AtTheEnd(sender)));
        tpm.shared.send(Box::new(keep)).unwrap();
        let clone = tpm.clone();
        drop(tpm);
        assert_eq!(ended.try_recv(), Err(mpsc::TryRecvError::Empty));
        drop(clone);
        assert_eq!(ended.try_recv(), Ok(()));
    }

    /// A forked child has the handle of a thread that stayed with its parent. The test fakes that.
    #[test]
    fn a_thread_of_the_parent_is_neither_used_nor_joined() {
        let tpm = Tpm::new("no-such-transport", DEADLINE).unwrap();
        let ask = || {
            let (sender, answered) = mpsc::channel();
            let answer = move |_: &mut Connection| sender.send(thread::current().id()).unwrap();
            tpm.shared.send(Box::new(answer)).unwrap();
            answered.recv().unwrap()
        };
        let inherit = || match &mut *lock(&tpm.shared.queue) {
            Queue::Running(worker) => worker.process = 0,
            other => panic!("{other:?}"),
        };
        let first = ask();
        inherit();
        assert_ne!(ask(), first);
        inherit();
        // The thread continues, so joining it would never end.
        drop(tpm);
    }

    #[test]
    fn only_a_busy_device_is_tried_again() {
        let attempts = |failures: u32, code| {
            let mut made = 0;
            let connected = retry_connect(CONNECT_ATTEMPTS, || {
                made += 1;
                if made > failures { Ok(()) } else { Err(TpmError::Connect { tcti: String::new(), code }) }
            });
            (connected.is_ok(), made)
        };
        assert_eq!(attempts(2, IO_ERROR), (true, 3));
        assert_eq!(attempts(9, IO_ERROR), (false, CONNECT_ATTEMPTS));
        assert_eq!(attempts(1, IO_ERROR + 1), (false, 1));
        assert!(CONNECT_PAUSE * (CONNECT_ATTEMPTS - 1) > IDLE);
    }

    #[test]
    fn a_transport_that_does_not_exist_is_reported() {
        let tpm = Tpm::new("no-such-transport", DEADLINE).unwrap();
        assert!(matches!(tpm.run(|_| Ok(())), Err(TpmError::Connect { .. })));
    }
}
