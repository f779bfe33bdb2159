//! The answers to the kernel's requests.

use std::ffi::OsStr;
use std::io;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenAccMode, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyStatfs, Request,
};
use rustix::process::{getegid, geteuid};

use crate::access::Access;
use crate::files::Files;
use crate::pages;
use crate::tree::Node;

/// A read-only file system over [`Files`].
pub(crate) struct Service {
    files: Arc<Files>,
    pages: Arc<pages::Shared>,
    access: Access,
}

impl Service {
    pub(crate) fn new(files: Arc<Files>, pages: Arc<pages::Shared>, access: Access) -> Self {
        Self { files, pages, access }
    }

    /// Fails if the user of a request may not see the files.
    fn check(&self, request: &Request) -> Result<(), Errno> {
        if self.access.permits(request.uid(), request.pid()) { Ok(()) } else { Err(Errno::EACCES) }
    }

    fn attributes(&self, number: u64) -> Result<FileAttr, Errno> {
        let (kind, size, links) = match self.files.tree.node(number).ok_or(Errno::ENOENT)? {
            Node::Directory { children, .. } => {
                let inner = children.values().filter(|&&child| self.files.tree.file(child).is_none());
                (FileType::Directory, 0, 2 + inner.count() as u32)
            }
            Node::File(file) => (FileType::RegularFile, file.part.length(), 1),
        };
        let readable = if self.access.is_shared() { 0o444 } else { 0o400 };
        let enterable = if self.access.is_shared() { 0o111 } else { 0o100 };
        let is_directory = kind == FileType::Directory;
        Ok(FileAttr {
            ino: INodeNo(number),
            size,
            blocks: size.div_ceil(512),
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm: if is_directory { readable | enterable } else { readable },
            nlink: links,
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    fn look_up(&self, request: &Request, parent: INodeNo, name: &OsStr) -> Result<FileAttr, Errno> {
        self.check(request)?;
        let number = self.files.tree.child(u64::from(parent), name).ok_or(Errno::ENOENT)?;
        self.attributes(number)
    }

    fn open_file(&self, request: &Request, number: u64, flags: OpenFlags) -> Result<(), Errno> {
        self.check(request)?;
        if flags.acc_mode() != OpenAccMode::O_RDONLY {
            return Err(Errno::EROFS);
        }
        self.files.tree.file(number).ok_or(Errno::EISDIR)?;
        self.files.open(number).ok_or(Errno::ESHUTDOWN)?;
        self.pages.opened(number);
        Ok(())
    }

    fn list(&self, number: u64, offset: u64, reply: &mut ReplyDirectory) -> Result<(), Errno> {
        let node = self.files.tree.node(number).ok_or(Errno::ENOENT)?;
        let Node::Directory { parent, children } = node else { return Err(Errno::ENOTDIR) };
        let own = [(number, "."), (*parent, "..")];
        let entries = own.into_iter().chain(children.iter().map(|(name, number)| (*number, name.as_str())));
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
        for (entry, (number, name)) in entries.enumerate().skip(skipped) {
            let is_file = self.files.tree.file(number).is_some();
            let kind = if is_file { FileType::RegularFile } else { FileType::Directory };
            // The offset is where the next call continues.
            if reply.add(INodeNo(number), entry as u64 + 1, kind, name) {
                break;
            }
        }
        Ok(())
    }
}

impl Filesystem for Service {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        let wanted = InitFlags::FUSE_ASYNC_READ
            | InitFlags::FUSE_MAX_PAGES
            | InitFlags::FUSE_PARALLEL_DIROPS
            | InitFlags::FUSE_EXPLICIT_INVAL_DATA;
        // A feature that an old kernel lacks costs only speed.
        let _ = config.add_capabilities(wanted & config.capabilities());
        let _ = config.set_max_write(LARGEST_REQUEST);
        let _ = config.set_max_background(64);
        Ok(())
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.look_up(request, parent, name) {
            Ok(attributes) => reply.entry(&FOREVER, &attributes, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn getattr(&self, request: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.check(request).and_then(|()| self.attributes(u64::from(number))) {
            Ok(attributes) => reply.attr(&FOREVER, &attributes),
            Err(error) => reply.error(error),
        }
    }

    fn open(&self, request: &Request, number: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        match self.open_file(request, u64::from(number), flags) {
            // Without this flag, each open would drop the pages that an earlier one decrypted.
            Ok(()) => reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let mut reply = Some(reply);
        let send = |bytes: &[u8]| reply.take().map(|reply| reply.data(bytes));
        if let Err(error) = self.files.read(u64::from(number), offset, size, send) {
            reply.take().into_iter().for_each(|reply| reply.error(error));
        }
    }

    fn release(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        if self.files.close(u64::from(number)) {
            self.pages.closed(u64::from(number));
        }
        reply.ok();
    }

    fn opendir(&self, request: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.check(request) {
            Ok(()) => reply.opened(FileHandle(0), FopenFlags::FOPEN_CACHE_DIR),
            Err(error) => reply.error(error),
        }
    }

    fn readdir(&self, _: &Request, number: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        match self.list(u64::from(number), offset, &mut reply) {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let blocks = self.files.tree.length().div_ceil(4096);
        reply.statfs(blocks, 0, 0, self.files.tree.count() as u64, 0, 4096, 255, 4096);
    }
}

/// The time that the kernel may remember names and attributes: they never change.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// The largest request that the kernel sends, in bytes.
const LARGEST_REQUEST: u32 = 1 << 20;
