use std::alloc::Layout;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::{self, NonNull};

use crate::pages::{Kind, SMALLEST_PAGE, SecretPages};

/// A key object of another library that does not wipe itself, at most 4096 bytes, on its own page.
///
/// The object is kept in the same memory as a [`Secret`](crate::Secret). On drop the object is
/// dropped first, then its bytes are zeroized.
///
/// An object is made elsewhere and *moved* here, which may leave copies on the stack. Memory that
/// the object allocated is not covered either. So use it for plain data.
///
/// ```
/// use ovseal_memory::Protected;
///
/// struct RoundKeys([u32; 60]);
///
/// let keys = Protected::new(RoundKeys([7; 60]));
/// assert_eq!(keys.0[59], 7);
/// assert_eq!(format!("{keys:?}"), "Protected(..)");
/// ```
pub struct Protected<T> {
    pages: SecretPages,
    object: PhantomData<T>,
}

impl<T> Protected<T> {
    /// Moves `object` to its own page.
    ///
    /// If no page can be mapped, ends the process as a failed allocation does.
    pub fn new(object: T) -> Self {
        const { assert!(size_of::<T>() <= SMALLEST_PAGE, "a protected object has at most 4096 bytes") };
        const { assert!(align_of::<T>() <= SMALLEST_PAGE, "a page is aligned to at least 4096 bytes") };
        let pages = SecretPages::for_layout(Layout::new::<T>());
        // SAFETY: the page is writable, large and aligned enough for a `T`, and nothing else refers
        // to it.
        unsafe { pages.address().cast().write(object) };
        Self { pages, object: PhantomData }
    }

    /// Returns whether the object can never be swapped out: it is in secret or locked memory.
    pub fn is_locked(&self) -> bool {
        self.pages.kind() != Kind::Unlocked
    }

    fn address(&self) -> NonNull<T> {
        self.pages.address().cast()
    }
}

impl<T> Deref for Protected<T> {
    type Target = T;

    /// Returns the object. Aborts a forked child of its process, which has no copy of the bytes.
    fn deref(&self) -> &T {
        // SAFETY: `new` wrote a `T` there, which stays until `drop` and is borrowed with `self`.
        unsafe { self.address().as_ref() }
    }
}

impl<T> Drop for Protected<T> {
    fn drop(&mut self) {
        if !self.pages.is_inherited() {
            // SAFETY: `new` wrote a `T` there, and nothing reaches it after this. The pages zeroize
            // it later.
            unsafe { ptr::drop_in_place(self.address().as_ptr()) };
        }
    }
}

impl<T> fmt::Debug for Protected<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Protected(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[repr(align(4096))]
    struct Whole([u8; 4096]);

    #[test]
    fn an_object_as_large_and_aligned_as_a_page_is_held() {
        let object = Protected::new(Whole([3; 4096]));
        assert_eq!(object.0, [3; 4096]);
        assert_eq!(ptr::from_ref(&*object).align_offset(4096), 0);
    }

    #[test]
    fn the_object_is_dropped_once_and_while_its_bytes_are_whole() {
        struct Witness<'a>([u8; 4], &'a Mutex<Vec<[u8; 4]>>);
        impl Drop for Witness<'_> {
            fn drop(&mut self) {
                self.1.lock().unwrap().push(self.0);
            }
        }
        let seen = Mutex::new(Vec::new());
        drop(Protected::new(Witness(*b"keys", &seen)));
        assert_eq!(*seen.lock().unwrap(), [*b"keys"]);
    }

    #[test]
    fn objects_without_bytes_are_held() {
        let object = Protected::new(());
        assert_eq!(*object, ());
    }

    #[test]
    fn debug_shows_no_byte() {
        let object = Protected::new("hunter2");
        assert_eq!(format!("{object:?} {object:#?}"), "Protected(..) Protected(..)");
    }

    #[test]
    fn objects_move_between_threads_with_their_holder() {
        let object = Protected::new([9; 8]);
        std::thread::spawn(move || assert_eq!(*object, [9; 8])).join().unwrap();
    }
}
