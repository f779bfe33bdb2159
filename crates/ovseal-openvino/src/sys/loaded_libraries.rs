//! The builds of the libraries loaded into this process.

use std::ffi::{CStr, c_int, c_void};

use libc::{Elf64_Phdr, PF_R, PF_W, PT_LOAD, PT_NOTE, dl_phdr_info};

/// Identifies the build of the loaded library with this name. A version may follow the name.
///
/// The result is the build id that the linker computed, or else all of the library's code and
/// constants. It is read from memory, because the file may have been replaced. It distinguishes
/// builds of the same version, but is no protection: anyone who can change the library runs code in
/// this process.
pub(crate) fn build(library: &str) -> Option<Vec<u8>> {
    let mut search = Search { name: library, found: None };
    let data = (&raw mut search).cast::<c_void>();
    // SAFETY: `visit` is only called before this returns, with `data`, which points at `search`.
    unsafe { libc::dl_iterate_phdr(Some(visit), data) };
    search.found
}

struct Search<'s> {
    name: &'s str,
    found: Option<Vec<u8>>,
}

/// Examines one loaded library, and ends the search if its name matches.
unsafe extern "C" fn visit(info: *mut dl_phdr_info, _size: usize, data: *mut c_void) -> c_int {
    // SAFETY: `build` passes a search that nothing else uses during this call.
    let search = unsafe { &mut *data.cast::<Search<'_>>() };
    // SAFETY: the linker passes a description that is valid during this call.
    let info = unsafe { &*info };
    // SAFETY: the linker passed it and waits for this function.
    let library = unsafe { Library::new(info) };
    if library.is_called(search.name) {
        search.found = Some(library.build());
    }
    c_int::from(search.found.is_some())
}

/// A loaded library, which cannot be unloaded during `dl_iterate_phdr`.
struct Library<'l> {
    path: &'l [u8],
    base: u64,
    headers: &'l [Elf64_Phdr],
}

impl<'l> Library<'l> {
    /// # Safety
    ///
    /// `info` comes from `dl_iterate_phdr`, which has not returned yet.
    unsafe fn new(info: &'l dl_phdr_info) -> Self {
        let path = match info.dlpi_name.is_null() {
            true => &[][..],
            // SAFETY: the linker's names have a terminating zero byte and live as long as the
            // library.
            false => unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes(),
        };
        let headers = match info.dlpi_phdr.is_null() {
            true => &[][..],
            // SAFETY: the linker reports this many headers at this address.
            false => unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) },
        };
        Self { path, base: info.dlpi_addr, headers }
    }

    fn is_called(&self, name: &str) -> bool {
        let file = self.path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let version = file.strip_prefix(name.as_bytes());
        version.is_some_and(|version| matches!(version, [] | [b'.', ..]))
    }

    fn build(&self) -> Vec<u8> {
        let notes = self.headers.iter().filter(|header| header.p_type == PT_NOTE);
        let mut ids = notes.filter_map(|header| build_id(self.bytes(header)?, header.p_align));
        ids.next().map_or_else(|| self.constants(), <[u8]>::to_vec)
    }

    /// Returns the code and constants: the segments that cannot be written.
    fn constants(&self) -> Vec<u8> {
        let constant = self.segments().filter(|segment| segment.p_flags & PF_W == 0);
        constant.filter_map(|segment| self.bytes(segment)).collect::<Vec<_>>().concat()
    }

    /// Returns the notes or constant segment that a header describes, if it is mapped.
    fn bytes(&self, header: &Elf64_Phdr) -> Option<&'l [u8]> {
        let end = header.p_vaddr.checked_add(header.p_memsz)?;
        let holds = |segment: &Elf64_Phdr| {
            segment.p_vaddr <= header.p_vaddr && end <= segment.p_vaddr.saturating_add(segment.p_memsz)
        };
        self.segments().find(|segment| holds(segment))?;
        let start = usize::try_from(self.base.checked_add(header.p_vaddr)?).ok()?;
        let length = usize::try_from(header.p_memsz).ok()?;
        // SAFETY: the bytes are in a readable segment, mapped as long as the library. Nothing
        // writes to segments without write access or to notes, even where patchelf has moved them
        // to a writable segment.
        Some(unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(start), length) })
    }

    /// Returns the readable segments.
    fn segments(&self) -> impl Iterator<Item = &'l Elf64_Phdr> {
        self.headers.iter().filter(|header| header.p_type == PT_LOAD && header.p_flags & PF_R != 0)
    }
}

/// Finds the build id among the notes of a segment (ELF specification, "Note Section").
fn build_id(mut notes: &[u8], alignment: u64) -> Option<&[u8]> {
    let padded = |length: u32| (length as usize).checked_next_multiple_of(if alignment == 8 { 8 } else { 4 });
    while !notes.is_empty() {
        let [name_length, length, kind] =
            [take_word(&mut notes)?, take_word(&mut notes)?, take_word(&mut notes)?];
        let name = notes.split_off(..padded(name_length)?.min(notes.len()))?;
        let content = notes.split_off(..padded(length)?.min(notes.len()))?;
        if kind == NT_GNU_BUILD_ID && name.starts_with(b"GNU\0") && length > 0 {
            return content.get(..length as usize);
        }
    }
    None
}

fn take_word(bytes: &mut &[u8]) -> Option<u32> {
    bytes.split_off(..4)?.try_into().ok().map(u32::from_ne_bytes)
}

const NT_GNU_BUILD_ID: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_library_has_a_build_and_a_library_that_is_not_loaded_has_none() {
        let build = build("libc.so").unwrap();
        assert!(!build.is_empty());
        assert_eq!(super::build("libc.so").unwrap(), build);
        assert_eq!(super::build("libc"), super::build("libc.so"));
        assert!(super::build("no-such-library.so").is_none() && super::build("ibc.so").is_none());
    }

    #[test]
    fn code_and_constants_replace_a_missing_id() {
        unsafe extern "C" fn look(info: *mut dl_phdr_info, _size: usize, data: *mut c_void) -> c_int {
            // SAFETY: the linker passes a description that is valid during this call.
            let info = unsafe { &*info };
            // SAFETY: the linker passed it and waits for this function.
            let library = unsafe { Library::new(info) };
            if library.is_called("libc.so") {
                // SAFETY: the caller passes a number that nothing else uses.
                unsafe { *data.cast::<usize>() = library.constants().len() };
            }
            0
        }
        let mut length = 0_usize;
        // SAFETY: `look` is only called before this returns, with a number that nothing else uses.
        unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut length).cast()) };
        assert!(length > 1 << 20, "{length}");
    }

    #[test]
    fn the_id_is_found_among_other_notes_and_malformed_ones_have_none() {
        let note = |kind: u32, content: &[u8]| {
            let head = [4, content.len() as u32, kind].map(u32::to_ne_bytes).concat();
            [&head[..], b"GNU\0", content].concat()
        };
        let notes = [note(1, &[0; 16]), note(3, &[7; 20])].concat();
        assert_eq!(build_id(&notes, 4), Some(&[7; 20][..]));
        for cut in 1..note(3, &[7; 20]).len() {
            assert_eq!(build_id(&notes[..notes.len() - cut], 4), None, "{cut} bytes less");
        }
        assert_eq!(build_id(&[0xff; 64], 4), None);
    }
}
