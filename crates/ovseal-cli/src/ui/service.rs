//! Messages to the service manager (`sd_notify(3)`).

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

/// The service manager that started this program, if it wants to be told.
pub(crate) struct ServiceManager(Option<SocketAddr>);

impl ServiceManager {
    /// Reads the variable `NOTIFY_SOCKET`: a path, or a name in the abstract namespace after `@`.
    pub(crate) fn from_environment() -> Self {
        Self(std::env::var_os("NOTIFY_SOCKET").and_then(|name| address(&name).ok()))
    }

    /// Reports that the service is ready, and its state in words.
    pub(crate) fn ready(&self, status: &str) {
        let line = status.replace(char::is_control, " ");
        self.send(&format!("READY=1\nSTATUS={line}\n"));
    }

    /// Reports that the service is ending.
    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1\n");
    }

    /// Sends a message. A manager that does not read it has its own time limits.
    fn send(&self, message: &str) {
        let Some(address) = &self.0 else { return };
        let sent = UnixDatagram::unbound().and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.send_to_addr(message.as_bytes(), address)
        });
        drop(sent);
    }
}

fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(Path::new(name)),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 200];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[test]
    fn messages_reach_a_path_and_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let abstract_name = format!("ovseal-test-{}", std::process::id());
        let abstract_address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        for (socket, name) in [
            (UnixDatagram::bind(&path).unwrap(), path.into_os_string()),
            (UnixDatagram::bind_addr(&abstract_address).unwrap(), format!("@{abstract_name}").into()),
        ] {
            let manager = ServiceManager(Some(address(&name).unwrap()));
            manager.ready("serving a\nb");
            assert_eq!(received(&socket), "READY=1\nSTATUS=serving a b\n");
            manager.stopping();
            assert_eq!(received(&socket), "STOPPING=1\n");
        }
    }

    #[test]
    fn other_addresses_are_ignored() {
        assert!(["", "relative", "vsock:2:1"].iter().all(|name| address(OsStr::new(name)).is_err()));
        ServiceManager(None).stopping();
    }
}
