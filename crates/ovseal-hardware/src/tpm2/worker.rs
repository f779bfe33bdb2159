//! One thread a TPM: it takes transactions from a queue, and nobody waits for it longer than the deadline.

use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::error::TpmError;
use super::tss::{Esys, c_string};

/// A TPM, named as the TPM software stack names it (a TCTI), for example [`KERNEL_TPM`].
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
    Running(Worker),
    /// Nowhere: the thread waits for an answer, perhaps for ever, and is left alone.
    Stuck,
}

/// The thread that talks to the TPM.
#[derive(Debug)]
struct Worker {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
    /// The process that has it: it does not come along into a forked child.
    process: u32,
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

    /// The TPM that `tcti` names, or else the variable `OVSEAL_TCTI`, or else the kernel's.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn named(tcti: Option<&str>) -> Result<Self, TpmError> {
        let variable = std::env::var("OVSEAL_TCTI").ok().filter(|tcti| !tcti.is_empty());
        Self::new(tcti.or(variable.as_deref()).unwrap_or(KERNEL_TPM), DEADLINE)
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
        let (waiter, deadline) = (Arc::new(()), self.shared.deadline);
        let waiting = Arc::downgrade(&waiter);
        let begun = Arc::new(AtomicBool::new(false));
        let begins = begun.clone();
        let job: Job = Box::new(move |connection| {
            begins.store(true, Ordering::Release);
            // Whoever waited may have given up.
            let _ =
                answer.send(connection.transact(|esys| still(&waiting, deadline).and_then(|()| work(esys))));
        });
        self.shared.send(job)?;
        let answer = answered.recv_timeout(deadline);
        drop(waiter);
        answer.unwrap_or_else(|error| match error {
            RecvTimeoutError::Timeout => {
                // Whoever was still in the queue has learnt nothing of the TPM.
                if begun.load(Ordering::Acquire) {
                    *self.shared.lock() = Queue::Stuck;
                }
                Err(TpmError::Deadline(deadline))
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
    /// Whether its thread stayed with the parent, so that there is nothing that could be joined or detached.
    fn is_inherited(&self) -> bool {
        matches!(self, Self::Running(worker) if worker.process != std::process::id())
    }
}

impl Drop for Shared {
    /// Waits for the thread, for which nobody has anything to do any more. One that ends while the process does can find that the
    /// libraries that it used, such as OpenSSL, have been cleaned up under it, and crash.
    fn drop(&mut self) {
        let queue = self.queue.get_mut().unwrap_or_else(PoisonError::into_inner);
        let queue = std::mem::replace(queue, Queue::Idle);
        if queue.is_inherited() {
            std::mem::forget(queue);
        } else if let Queue::Running(Worker { jobs, thread, .. }) = queue {
            drop(jobs);
            // One that panicked has ended too.
            let _ = thread.join();
        }
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

    /// A raw device (`/dev/tpm0`) is for one process at a time, and the one before keeps it for [`IDLE`].
    fn connect(&self) -> Result<Esys, TpmError> {
        let attempts = if self.tcti.to_bytes().starts_with(b"device") { CONNECT_ATTEMPTS } else { 1 };
        patiently(attempts, || Esys::connect(&self.tcti))
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

/// That somebody waits for what is about to begin: what nobody waits for any more must not change the TPM.
fn still(waiting: &Weak<()>, deadline: Duration) -> Result<(), TpmError> {
    if waiting.strong_count() > 0 { Ok(()) } else { Err(TpmError::Deadline(deadline)) }
}

/// Tries up to `attempts` times: the library does not tell a device that is taken from one that is not there.
fn patiently<T>(attempts: u32, mut connect: impl FnMut() -> Result<T, TpmError>) -> Result<T, TpmError> {
    for _ in 1..attempts {
        match connect() {
            Err(TpmError::Connect { code: IO_ERROR, .. }) => thread::sleep(CONNECT_PAUSE),
            outcome => return outcome,
        }
    }
    connect()
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

/// The kernel's TPM behind its resource manager, as the TPM software stack names it.
pub const KERNEL_TPM: &str = "device:/dev/tpmrm0";

/// The longest that a transaction with a TPM in hardware may reasonably take: slow ones need a second or two to make a key.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// For how long a connection is kept that nobody uses.
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
    fn nobody_waits_beyond_the_deadline() {
        let (tpm, release) = busy();
        assert!(matches!(tpm.run(|_| Ok(())), Err(TpmError::Deadline(_))));
        drop(release);
    }

    #[test]
    fn whoever_gave_up_in_the_queue_leaves_the_tpm_to_the_others() {
        let (tpm, release) = busy();
        assert!(matches!(tpm.run(|_| Ok(())), Err(TpmError::Deadline(_))));
        drop(release);
        // Asked without a deadline, which a busy machine would miss.
        let (sender, answered) = mpsc::channel();
        let ask = move |connection: &mut Connection| sender.send(connection.transact(|_| Ok(()))).unwrap();
        tpm.shared.send(Box::new(ask)).unwrap();
        assert!(matches!(answered.recv().unwrap(), Err(TpmError::Connect { .. })), "the thread goes on");
    }

    #[test]
    fn a_stuck_tpm_is_not_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        // Both sockets of a swtpm take connections, and nobody answers.
        let silent = ["tpm", "tpm.ctrl"].map(|name| UnixListener::bind(folder.path().join(name)).unwrap());
        let tcti = format!("swtpm:path={}", folder.path().join("tpm").display());
        let tpm = Tpm::new(&tcti, Duration::from_millis(200)).unwrap();
        for _ in 0..2 {
            assert!(matches!(tpm.run(|_| Ok(())), Err(TpmError::Deadline(_))));
        }
        assert!(matches!(*tpm.shared.lock(), Queue::Stuck));
        drop(silent);
    }

    /// What libraries do at the end of a thread is over when the last clone is gone.
    #[test]
    fn the_thread_has_ended_when_the_last_clone_is_gone() {
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

    /// A forked child has the handle of a thread that stayed with its parent; here the thread is told to be another process's.
    #[test]
    fn a_thread_of_the_parent_is_neither_asked_nor_joined() {
        let tpm = Tpm::new("no-such-transport", DEADLINE).unwrap();
        let ask = || {
            let (sender, answered) = mpsc::channel();
            let answer = move |_: &mut Connection| sender.send(thread::current().id()).unwrap();
            tpm.shared.send(Box::new(answer)).unwrap();
            answered.recv().unwrap()
        };
        let inherit = || match &mut *tpm.shared.lock() {
            Queue::Running(worker) => worker.process = 0,
            other => panic!("{other:?}"),
        };
        let first = ask();
        inherit();
        assert_ne!(ask(), first);
        inherit();
        // The thread goes on, so that joining it would never end.
        drop(tpm);
    }

    #[test]
    fn a_device_that_is_taken_is_tried_again_and_no_other_failure_is() {
        let attempts = |failures: u32, code| {
            let mut made = 0;
            let connected = patiently(CONNECT_ATTEMPTS, || {
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
    fn a_transport_that_does_not_exist_is_told() {
        let tpm = Tpm::new("no-such-transport", DEADLINE).unwrap();
        assert!(matches!(tpm.run(|_| Ok(())), Err(TpmError::Connect { .. })));
    }
}
