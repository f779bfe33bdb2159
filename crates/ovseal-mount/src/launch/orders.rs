//! The messages between the two processes: packets of five bytes, and descriptors.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

/// An order to the child. It answers each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Enter new namespaces.
    EnterNamespaces,
    /// Mount memory, and send a writable view of it.
    MountMemory,
    /// Mount the kernel's device for file systems in user space, and send it.
    MountFuse { shared: bool },
    /// Make the mounted memory read-only.
    MakeReadOnly,
    /// Keep the file that comes with the order open for the program.
    KeepFile,
    /// Deny writing, except where it is allowed.
    Confine,
    /// Become the program. The socket is closed if that works.
    Run,
}

/// An answer to an order.
#[derive(Debug)]
pub(super) enum Answer {
    Done(Option<OwnedFd>),
    /// The number of a descriptor that was kept.
    Kept(i32),
    Failed(Errno),
}

/// One end of the connection.
pub(super) struct Connection(OwnedFd);

impl Connection {
    /// Creates both ends. They are closed when a program is started.
    pub(super) fn pair() -> io::Result<(Self, Self)> {
        let (one, other) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(one), Self(other)))
    }

    /// Uses a descriptor that was inherited.
    pub(super) fn new(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    /// Sends an order, with the file that it concerns if there is one.
    pub(super) fn send_order(&self, order: Order, file: Option<BorrowedFd<'_>>) -> io::Result<()> {
        self.send(order.number(), 0, file)
    }

    /// Returns `None` if the other process has ended, or has something else to do.
    pub(super) fn receive_order(&self) -> io::Result<Option<(Order, Option<OwnedFd>)>> {
        let Some((number, _, file)) = self.receive()? else { return Ok(None) };
        let order = Order::from_number(number).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Some((order, file)))
    }

    pub(super) fn send_answer(&self, answer: &Answer) -> io::Result<()> {
        match answer {
            Answer::Done(descriptor) => self.send(DONE, 0, descriptor.as_ref().map(AsFd::as_fd)),
            Answer::Kept(number) => self.send(KEPT, *number, None),
            Answer::Failed(error) => self.send(FAILED, error.raw_os_error(), None),
        }
    }

    pub(super) fn receive_answer(&self) -> io::Result<Option<Answer>> {
        match self.receive()? {
            None => Ok(None),
            Some((DONE, _, descriptor)) => Ok(Some(Answer::Done(descriptor))),
            Some((KEPT, number, _)) => Ok(Some(Answer::Kept(number))),
            Some((FAILED, number, _)) => Ok(Some(Answer::Failed(Errno::from_raw_os_error(number)))),
            Some(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Returns true if the other process has ended.
    pub(super) fn is_closed(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        // An error means that nothing has arrived yet.
        matches!(rustix::net::recv(&self.0, &mut [0_u8; 1], flags), Ok((0, _)))
    }

    fn send(&self, kind: u8, value: i32, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let [a, b, c, d] = value.to_ne_bytes();
        let (packet, descriptors) = ([kind, a, b, c, d], descriptor.as_slice());
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        sendmsg(&self.0, &[IoSlice::new(&packet)], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    fn receive(&self) -> io::Result<Option<(u8, i32, Option<OwnedFd>)>> {
        let mut packet = [0; 5];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::io::retry_on_intr(|| {
            let parts = &mut [IoSliceMut::new(&mut packet)];
            recvmsg(&self.0, parts, &mut control, RecvFlags::CMSG_CLOEXEC)
        });
        match received {
            Ok(message) if message.bytes == packet.len() => {}
            Ok(message) if message.bytes == 0 => return Ok(None),
            Err(Errno::CONNRESET) => return Ok(None),
            Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
            Err(error) => return Err(error.into()),
        }
        let descriptor = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        let [kind, value @ ..] = packet;
        Ok(Some((kind, i32::from_ne_bytes(value), descriptor)))
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Order {
    const ALL: [Self; 8] = [
        Self::EnterNamespaces,
        Self::MountMemory,
        Self::MountFuse { shared: false },
        Self::MountFuse { shared: true },
        Self::MakeReadOnly,
        Self::KeepFile,
        Self::Confine,
        Self::Run,
    ];

    fn number(self) -> u8 {
        Self::ALL.iter().zip(1..).find_map(|(order, number)| (*order == self).then_some(number)).unwrap_or(0)
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }
}

const DONE: u8 = 100;
const FAILED: u8 = 101;
const KEPT: u8 = 102;

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn every_order_and_answer_arrives() {
        let (parent, child) = Connection::pair().unwrap();
        for order in Order::ALL {
            parent.send_order(order, None).unwrap();
            assert_eq!(child.receive_order().unwrap().unwrap().0, order);
        }
        child.send_answer(&Answer::Kept(7)).unwrap();
        assert!(matches!(parent.receive_answer().unwrap(), Some(Answer::Kept(7))));
        child.send_answer(&Answer::Failed(Errno::PERM)).unwrap();
        assert!(matches!(parent.receive_answer().unwrap(), Some(Answer::Failed(Errno::PERM))));
        let (reader, writer) = io::pipe().unwrap();
        child.send_answer(&Answer::Done(Some(reader.into()))).unwrap();
        drop(writer);
        let Some(Answer::Done(Some(received))) = parent.receive_answer().unwrap() else { panic!("none") };
        assert_eq!(std::fs::File::from(received).read(&mut [0]).unwrap(), 0);
        assert!(!parent.is_closed());
        drop(child);
        assert!(parent.is_closed());
        assert!(parent.receive_answer().unwrap().is_none());
    }

    #[test]
    fn other_packets_are_errors() {
        let (parent, child) = Connection::pair().unwrap();
        for packet in [&[0, 0, 0, 0, 0][..], &[99, 0, 0, 0, 0], &[1], &[1; 4]] {
            rustix::io::write(&parent, packet).unwrap();
            assert_eq!(child.receive_order().unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
