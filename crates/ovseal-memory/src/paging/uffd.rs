//! `userfaultfd(2)`: faults on missing pages, and the calls that answer them. Source: `linux/userfaultfd.h`.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, Result};
use rustix::ioctl::{self, Opcode, Setter, Updater, opcode};
use rustix::mm::UserfaultfdFlags;

/// Gets the faults on missing pages of the ranges that are registered with it.
#[derive(Debug)]
pub(super) struct Uffd {
    descriptor: OwnedFd,
}

impl Uffd {
    /// Asks the kernel for a descriptor that gets the faults of the process's own code, which needs no privilege. A
    /// fault inside a system call is not handed over: the call fails with `EFAULT`.
    ///
    /// Where the system call is forbidden, as it is in most containers, the device does if the process may open it. The error is
    /// that of the system call.
    pub(super) fn open() -> Result<OwnedFd> {
        let kind = UserfaultfdFlags::from_bits_retain(USER_MODE_ONLY);
        let flags = UserfaultfdFlags::CLOEXEC | UserfaultfdFlags::NONBLOCK | kind;
        // SAFETY: a descriptor that is registered for no memory handles no faults.
        let called = unsafe { rustix::mm::userfaultfd(flags) };
        called.or_else(|error| Self::open_by_device(flags).map_err(|_| error))
    }

    /// Asks `/dev/userfaultfd` for one, since Linux 6.1: the device's permissions decide, and no filter of system calls knows it.
    fn open_by_device(flags: UserfaultfdFlags) -> Result<OwnedFd> {
        let device = rustix::fs::open(c"/dev/userfaultfd", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        // SAFETY: the call takes the flags as a number, touches no memory, and gives a descriptor as above.
        let descriptor = unsafe { libc::ioctl(device.as_raw_fd(), NEW, libc::c_ulong::from(flags.bits())) };
        if descriptor < 0 {
            return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::NOSYS));
        }
        // SAFETY: the kernel has just made this descriptor for us, so nothing else closes it.
        Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
    }

    /// Agrees with the kernel on the version of the interface.
    pub(super) fn new(descriptor: OwnedFd) -> Result<Self> {
        let mut api = Api { api: VERSION, features: 0, ioctls: 0 };
        // SAFETY: for this opcode the kernel reads and writes an `Api`.
        let call = unsafe { Updater::<{ opcode::read_write::<Api>(GROUP, 0x3F) }, Api>::new(&mut api) };
        // SAFETY: it touches no memory but `api`.
        unsafe { ioctl::ioctl(&descriptor, call) }?;
        Ok(Self { descriptor })
    }

    /// Makes a touch of a missing page of `range` wait until the page is there.
    ///
    /// # Safety
    ///
    /// The range belongs to the caller, who answers the faults or takes the registration back.
    pub(super) unsafe fn register(&self, range: Range) -> Result<()> {
        let mut register = Register { range, mode: MODE_MISSING, ioctls: 0 };
        // SAFETY: for this opcode the kernel reads and writes a `Register`.
        let call = unsafe {
            Updater::<{ opcode::read_write::<Register>(GROUP, 0x00) }, Register>::new(&mut register)
        };
        // SAFETY: the caller owns the range.
        unsafe { ioctl::ioctl(&self.descriptor, call) }
    }

    /// Ends what [`Uffd::register`] began and wakes all who wait: a missing page is zero again when it is touched.
    pub(super) fn unregister(&self, range: Range) -> Result<()> {
        // SAFETY: it changes no page, and concerns only ranges that were registered.
        unsafe { self.call_on::<{ opcode::read::<Range>(GROUP, 0x01) }>(range) }
    }

    /// Wakes who waits for a page of `range`; whoever still misses it faults again.
    pub(super) fn wake(&self, range: Range) -> Result<()> {
        // SAFETY: it changes no page.
        unsafe { self.call_on::<{ opcode::read::<Range>(GROUP, 0x02) }>(range) }
    }

    /// Copies `source`, whole pages, to the missing pages at `target`, and wakes who waits for them.
    ///
    /// Gives the bytes that were copied beside the error that stopped it: `EEXIST` when the next page is there already,
    /// `EAGAIN` when the rest is to be tried again, `ENOENT` when the range is not registered.
    ///
    /// # Safety
    ///
    /// The caller has registered the range and lets no one count on its missing pages' being anything else.
    pub(super) unsafe fn copy(&self, target: u64, source: &[u8]) -> (usize, Result<()>) {
        let (source, length) = (source.as_ptr() as u64, source.len());
        let mut copy = Copy { target, source, length: length as u64, mode: 0, copied: 0 };
        // SAFETY: for this opcode the kernel reads and writes a `Copy`.
        let call = unsafe { Updater::<{ opcode::read_write::<Copy>(GROUP, 0x03) }, Copy>::new(&mut copy) };
        // SAFETY: it reads `source` and writes only to missing pages, which the caller vouches for.
        let result = unsafe { ioctl::ioctl(&self.descriptor, call) };
        // On errors the kernel leaves a negative number or what was copied until then.
        (usize::try_from(copy.copied).unwrap_or(0), result)
    }

    /// Takes the address of the next fault that nobody has taken, `None` when there is none. Does not wait.
    pub(super) fn next_fault(&self) -> Option<u64> {
        let mut message = [0; MESSAGE];
        loop {
            match rustix::io::read(&self.descriptor, &mut message) {
                Ok(MESSAGE) if message[0] == PAGEFAULT => return Some(address(&message)),
                Ok(MESSAGE) | Err(Errno::INTR) => {}
                Ok(_) | Err(_) => return None,
            }
        }
    }

    /// # Safety
    ///
    /// `OPCODE` takes a range, and what it does to the range must be harmless.
    unsafe fn call_on<const OPCODE: Opcode>(&self, range: Range) -> Result<()> {
        // SAFETY: the caller vouches that the kernel reads a `Range` for this opcode.
        let call = unsafe { Setter::<OPCODE, Range>::new(range) };
        // SAFETY: the caller vouches for what it does.
        unsafe { ioctl::ioctl(&self.descriptor, call) }
    }
}

impl AsFd for Uffd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// `struct uffdio_range`: whole pages.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) start: u64,
    pub(super) length: u64,
}

/// `struct uffdio_api`.
#[repr(C)]
struct Api {
    api: u64,
    features: u64,
    ioctls: u64,
}

/// `struct uffdio_register`.
#[repr(C)]
struct Register {
    range: Range,
    mode: u64,
    ioctls: u64,
}

/// `struct uffdio_copy`.
#[repr(C)]
struct Copy {
    target: u64,
    source: u64,
    length: u64,
    mode: u64,
    copied: i64,
}

/// Reads `arg.pagefault.address` of a `struct uffd_msg`.
fn address(message: &[u8; MESSAGE]) -> u64 {
    let [.., a, b, c, d, e, f, g, h, _, _, _, _, _, _, _, _] = *message;
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

/// `UFFD_USER_MODE_ONLY`, since Linux 5.11.
const USER_MODE_ONLY: u32 = 1;

/// `UFFD_API`.
const VERSION: u64 = 0xAA;

/// `USERFAULTFD_IOC`.
const GROUP: u8 = 0xAA;

/// `USERFAULTFD_IOC_NEW`, a call of the device.
const NEW: libc::c_ulong = 0xAA00;

/// `UFFDIO_REGISTER_MODE_MISSING`.
const MODE_MISSING: u64 = 1;

/// `UFFD_EVENT_PAGEFAULT`.
const PAGEFAULT: u8 = 0x12;

/// Bytes in a `struct uffd_msg`.
const MESSAGE: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_of_another_kind_is_refused() {
        let pipe = std::io::pipe().unwrap().0;
        assert_eq!(Uffd::new(pipe.into()).unwrap_err(), Errno::NOTTY);
    }

    /// In a container the device is mostly absent, and for others than root it is closed unless an administrator opens it.
    #[test]
    fn the_device_gives_a_descriptor_of_the_same_kind_to_whoever_may_open_it() {
        let flags = UserfaultfdFlags::CLOEXEC | UserfaultfdFlags::from_bits_retain(USER_MODE_ONLY);
        match Uffd::open_by_device(flags) {
            Ok(descriptor) => {
                let descriptor_flags = rustix::io::fcntl_getfd(&descriptor).unwrap();
                assert!(descriptor_flags.contains(rustix::io::FdFlags::CLOEXEC));
                assert!(Uffd::new(descriptor).is_ok());
            }
            Err(error) => {
                let opened = std::fs::File::options().read(true).write(true).open("/dev/userfaultfd");
                assert_eq!(opened.unwrap_err().raw_os_error(), Some(error.raw_os_error()));
            }
        }
    }

    #[test]
    fn without_a_fault_nothing_is_taken() {
        assert_eq!(Uffd::new(Uffd::open().unwrap()).unwrap().next_fault(), None);
    }

    #[test]
    fn the_address_stands_in_the_third_quarter_of_a_message() {
        let mut message = [0xFF; MESSAGE];
        message[16..24].copy_from_slice(&0x7F00_1234_5000_u64.to_ne_bytes());
        assert_eq!(address(&message), 0x7F00_1234_5000);
    }
}
