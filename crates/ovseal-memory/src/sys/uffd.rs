//! `userfaultfd(2)`: faults on missing pages and the calls that answer them.
//!
//! Source: `linux/userfaultfd.h`.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, Result};
use rustix::ioctl::{self, Opcode, Setter, Updater, opcode};
use rustix::mm::UserfaultfdFlags;

/// A descriptor that receives faults on missing pages of the ranges registered with it.
#[derive(Debug)]
pub(crate) struct Uffd {
    descriptor: OwnedFd,
}

impl Uffd {
    /// Opens a descriptor for faults of the process's own code, which requires no privilege.
    ///
    /// A fault inside a system call is not passed on: that call fails with `EFAULT`. If
    /// `userfaultfd(2)` is forbidden, as in most containers, `/dev/userfaultfd` is tried. The error
    /// returned is that of `userfaultfd(2)`.
    pub(crate) fn open() -> Result<Self> {
        let kind = UserfaultfdFlags::from_bits_retain(USER_MODE_ONLY);
        let flags = UserfaultfdFlags::CLOEXEC | UserfaultfdFlags::NONBLOCK | kind;
        let called = Self::call(flags);
        called.or_else(|error| Self::open_by_device(flags).map_err(|_| error)).and_then(Self::new)
    }

    /// Returns whether this process may also handle faults inside system calls.
    pub(crate) fn handles_system_calls() -> bool {
        Self::call(UserfaultfdFlags::CLOEXEC).is_ok()
    }

    fn call(flags: UserfaultfdFlags) -> Result<OwnedFd> {
        // SAFETY: a descriptor that is registered for no memory handles no faults.
        unsafe { rustix::mm::userfaultfd(flags) }
    }

    /// Opens a descriptor through `/dev/userfaultfd`, since Linux 6.1.
    ///
    /// Access depends on the permissions of the device. System call filters do not cover it.
    fn open_by_device(flags: UserfaultfdFlags) -> Result<OwnedFd> {
        let device = rustix::fs::open(c"/dev/userfaultfd", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        // SAFETY: the call takes the flags as a number, touches no memory and returns a descriptor.
        let descriptor = unsafe { libc::ioctl(device.as_raw_fd(), NEW, libc::c_ulong::from(flags.bits())) };
        if descriptor < 0 {
            return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::NOSYS));
        }
        // SAFETY: the kernel has just created this descriptor, so nothing else closes it.
        Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
    }

    /// Negotiates the version of the interface with the kernel.
    fn new(descriptor: OwnedFd) -> Result<Self> {
        let mut api = Api { api: VERSION, features: THREAD_ID, ioctls: 0 };
        // SAFETY: for this opcode the kernel reads and writes an `Api`.
        let call = unsafe { Updater::<{ opcode::read_write::<Api>(GROUP, 0x3F) }, Api>::new(&mut api) };
        // SAFETY: the call touches no memory but `api`.
        unsafe { ioctl::ioctl(&descriptor, call) }?;
        Ok(Self { descriptor })
    }

    /// Makes an access to a missing page of `range` wait until the page is placed.
    ///
    /// # Safety
    ///
    /// The range must belong to the caller, who answers the faults or unregisters the range.
    pub(crate) unsafe fn register(&self, range: Range) -> Result<()> {
        let mut register = Register { range, mode: MODE_MISSING, ioctls: 0 };
        // SAFETY: for this opcode the kernel reads and writes a `Register`.
        let call = unsafe {
            Updater::<{ opcode::read_write::<Register>(GROUP, 0x00) }, Register>::new(&mut register)
        };
        // SAFETY: the caller owns the range.
        unsafe { ioctl::ioctl(&self.descriptor, call) }
    }

    /// Unregisters `range` and wakes its waiters. A missing page is zero again when it is touched.
    pub(crate) fn unregister(&self, range: Range) -> Result<()> {
        // SAFETY: the call changes no page and affects only ranges that were registered.
        unsafe { self.call_on::<{ opcode::read::<Range>(GROUP, 0x01) }>(range) }
    }

    /// Wakes all waiters for pages of `range`. Those whose page is still missing fault again.
    pub(crate) fn wake(&self, range: Range) -> Result<()> {
        // SAFETY: the call changes no page.
        unsafe { self.call_on::<{ opcode::read::<Range>(GROUP, 0x02) }>(range) }
    }

    /// Copies `source`, whole pages, to the missing pages at `target`, and wakes their waiters.
    ///
    /// Returns the number of bytes copied and the error that stopped it: `EEXIST` if the next page
    /// is already there, `EAGAIN` to try the rest again, `ENOENT` if the range is not registered.
    ///
    /// # Safety
    ///
    /// The caller must have registered the range, and nothing may rely on its missing pages having
    /// any particular contents.
    pub(crate) unsafe fn copy(&self, target: u64, source: &[u8]) -> (usize, Result<()>) {
        let (source, length) = (source.as_ptr() as u64, source.len());
        let mut copy = Copy { target, source, length: length as u64, mode: 0, copied: 0 };
        // SAFETY: for this opcode the kernel reads and writes a `Copy`.
        let call = unsafe { Updater::<{ opcode::read_write::<Copy>(GROUP, 0x03) }, Copy>::new(&mut copy) };
        // SAFETY: the call reads `source` and writes only to missing pages, for which the caller
        // answers.
        let result = unsafe { ioctl::ioctl(&self.descriptor, call) };
        // After an error, the kernel leaves a negative number or the number of bytes copied in this
        // field.
        (usize::try_from(copy.copied).unwrap_or(0), result)
    }

    /// Takes the next pending fault, `None` if there is none. Does not wait.
    pub(crate) fn next_fault(&self) -> Option<Fault> {
        let mut message = [0; MESSAGE];
        loop {
            match rustix::io::read(&self.descriptor, &mut message) {
                Ok(MESSAGE) if message[0] == PAGEFAULT => return Some(Fault::parse(&message)),
                Ok(MESSAGE) | Err(Errno::INTR) => {}
                Ok(_) | Err(_) => return None,
            }
        }
    }

    /// # Safety
    ///
    /// `OPCODE` must take a range, and its effect on the range must be harmless.
    unsafe fn call_on<const OPCODE: Opcode>(&self, range: Range) -> Result<()> {
        // SAFETY: the caller guarantees that the kernel reads a `Range` for this opcode.
        let call = unsafe { Setter::<OPCODE, Range>::new(range) };
        // SAFETY: the caller guarantees that the effect is harmless.
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
pub(crate) struct Range {
    pub(crate) start: u64,
    pub(crate) length: u64,
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

/// An access to a missing page, whose thread waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) address: u64,
    /// The kernel's number of the thread.
    pub(crate) thread: u32,
}

impl Fault {
    /// Reads `arg.pagefault` of a `struct uffd_msg`.
    fn parse(message: &[u8; MESSAGE]) -> Self {
        let [.., a, b, c, d, e, f, g, h, i, j, k, l, _, _, _, _] = *message;
        let (address, thread) =
            (u64::from_ne_bytes([a, b, c, d, e, f, g, h]), u32::from_ne_bytes([i, j, k, l]));
        Self { address, thread }
    }
}

/// `UFFD_USER_MODE_ONLY`, since Linux 5.11.
const USER_MODE_ONLY: u32 = 1;

/// `UFFD_API`.
const VERSION: u64 = 0xAA;

/// `USERFAULTFD_IOC`.
const GROUP: u8 = 0xAA;

/// `USERFAULTFD_IOC_NEW`, an `ioctl` of the device.
const NEW: libc::c_ulong = 0xAA00;

/// `UFFDIO_REGISTER_MODE_MISSING`.
const MODE_MISSING: u64 = 1;

/// `UFFD_FEATURE_THREAD_ID`, since Linux 4.14.
const THREAD_ID: u64 = 1 << 8;

/// `UFFD_EVENT_PAGEFAULT`.
const PAGEFAULT: u8 = 0x12;

/// Bytes in a `struct uffd_msg`.
const MESSAGE: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_of_another_kind_is_rejected() {
        let pipe = std::io::pipe().unwrap().0;
        assert_eq!(Uffd::new(pipe.into()).unwrap_err(), Errno::NOTTY);
    }

    /// Containers rarely have the device, and by default only root may open it.
    #[test]
    fn the_device_returns_a_descriptor_of_the_same_kind() {
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
        assert_eq!(Uffd::open().unwrap().next_fault(), None);
    }

    #[test]
    fn address_and_thread_are_in_the_second_half_of_a_message() {
        let mut message = [0xFF; MESSAGE];
        message[16..24].copy_from_slice(&0x7F00_1234_5000_u64.to_ne_bytes());
        message[24..28].copy_from_slice(&4711_u32.to_ne_bytes());
        assert_eq!(Fault::parse(&message), Fault { address: 0x7F00_1234_5000, thread: 4711 });
    }
}
