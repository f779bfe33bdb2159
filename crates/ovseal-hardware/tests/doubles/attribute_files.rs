//! Attribute files like those of configfs and Gramine.
//!
//! The files are read as a whole on first read and written as a whole on close. configfs passes a
//! binary attribute on when its file is released, which happens within the program's `close`. FUSE
//! calls `flush` at that time, and `release` later.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request,
    TimeOrNow, WriteFlags,
};

/// The contents of the files. Paths have no leading slash, and the root is empty.
pub(crate) trait Files: Send + Sync + 'static {
    fn kind(&self, path: &str) -> Option<Kind>;
    fn read(&self, path: &str) -> Result<Vec<u8>, Errno>;
    /// Takes written data when the file is closed. The program does not see errors.
    fn written(&self, path: &str, data: &[u8]);
    fn make(&self, _path: &str) -> Result<(), Errno> {
        Err(Errno::EPERM)
    }
    fn remove(&self, _path: &str) -> Result<(), Errno> {
        Err(Errno::EPERM)
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Directory,
    /// A file with these permissions and this limit for written data.
    File(u16, usize),
}

pub(crate) struct AttributeFiles<F> {
    files: F,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// A path's inode number is its index, counted from 1.
    paths: Vec<String>,
    open: HashMap<u64, Buffer>,
    handles: u64,
}

#[derive(Default)]
struct Buffer {
    reading: Option<Vec<u8>>,
    writing: Option<Vec<u8>>,
}

impl<F: Files> AttributeFiles<F> {
    pub(crate) fn new(files: F) -> Self {
        let state = State { paths: vec![String::new()], ..State::default() };
        Self { files, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn path(&self, number: INodeNo) -> String {
        self.state().paths[u64::from(number) as usize - 1].clone()
    }

    fn child(&self, parent: INodeNo, name: &OsStr) -> String {
        let (parent, name) = (self.path(parent), name.to_str().unwrap());
        if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") }
    }

    fn attributes(&self, path: &str) -> Option<FileAttr> {
        let kind = self.files.kind(path)?;
        let mut state = self.state();
        let index = state.paths.iter().position(|known| known == path).unwrap_or_else(|| {
            state.paths.push(path.to_owned());
            state.paths.len() - 1
        });
        let (kind, perm) = match kind {
            Kind::Directory => (FileType::Directory, 0o755),
            Kind::File(permissions, _) => (FileType::RegularFile, permissions),
        };
        Some(FileAttr {
            ino: INodeNo(index as u64 + 1),
            size: 0,
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    fn entry(&self, path: &str, reply: ReplyEntry) {
        match self.attributes(path) {
            Some(attributes) => reply.entry(&Duration::ZERO, &attributes, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn write_buffer(&self, path: &str, handle: FileHandle, offset: u64, data: &[u8]) -> Result<(), Errno> {
        let Some(Kind::File(_, limit)) = self.files.kind(path) else { return Err(Errno::ENOENT) };
        let end = offset as usize + data.len();
        let mut state = self.state();
        let buffer = state.open.get_mut(&u64::from(handle)).unwrap();
        if buffer.reading.is_some() {
            return Err(Errno::ETXTBSY);
        }
        let written = buffer.writing.get_or_insert_default();
        if end > limit {
            return Err(Errno::EFBIG);
        }
        written.resize(end.max(written.len()), 0);
        written[offset as usize..end].copy_from_slice(data);
        Ok(())
    }

    fn read_buffer(&self, path: &str, handle: FileHandle) -> Result<Vec<u8>, Errno> {
        if let Some(buffer) = self.state().open.get(&u64::from(handle)) {
            if buffer.writing.is_some() {
                return Err(Errno::ETXTBSY);
            }
            if let Some(content) = &buffer.reading {
                return Ok(content.clone());
            }
        }
        let content = self.files.read(path)?;
        self.state().open.entry(u64::from(handle)).or_default().reading = Some(content.clone());
        Ok(content)
    }
}

impl<F: Files> Filesystem for AttributeFiles<F> {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.entry(&self.child(parent, name), reply);
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(&self.path(number)) {
            Some(attributes) => reply.attr(&Duration::ZERO, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    /// Ignores truncation on opening, because written data replaces the whole file anyway.
    #[allow(clippy::too_many_arguments, reason = "the trait's own")]
    fn setattr(
        &self,
        request: &Request,
        number: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        handle: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        self.getattr(request, number, handle, reply);
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        let path = self.child(parent, name);
        match self.files.make(&path) {
            Ok(()) => self.entry(&path, reply),
            Err(error) => reply.error(error),
        }
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        match self.files.remove(&self.child(parent, name)) {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let mut state = self.state();
        state.handles += 1;
        let handle = state.handles;
        state.open.insert(handle, Buffer::default());
        reply.opened(FileHandle(handle), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.read_buffer(&self.path(number), handle) {
            Ok(content) => {
                let start = content.len().min(offset as usize);
                reply.data(&content[start..content.len().min(start + size as usize)]);
            }
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        number: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.write_buffer(&self.path(number), handle, offset, data) {
            Ok(()) => reply.written(data.len() as u32),
            Err(error) => reply.error(error),
        }
    }

    fn flush(&self, _: &Request, number: INodeNo, handle: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        let written = self.state().open.get_mut(&u64::from(handle)).and_then(|buffer| buffer.writing.take());
        if let Some(data) = written {
            self.files.written(&self.path(number), &data);
        }
        reply.ok();
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.state().open.remove(&u64::from(handle));
        reply.ok();
    }
}
