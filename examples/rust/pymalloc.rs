//! wasm-pymalloc as Rust's global allocator, for `wasm32-unknown-unknown` and `wasm32-wasip1`:
//!
//! ```ignore
//! mod pymalloc;
//! #[global_allocator]
//! static ALLOCATOR: pymalloc::Pymalloc = pymalloc::Pymalloc;
//! ```
//!
//! Link `libpymalloc.a`.  Blocks are of the object domain, so a host's statistics and limits see them.

use core::alloc::{GlobalAlloc, Layout};

extern "C" {
    fn pym_obj_malloc(n: usize) -> *mut u8;
    fn pym_obj_calloc(count: usize, n: usize) -> *mut u8;
    fn pym_obj_realloc(p: *mut u8, n: usize) -> *mut u8;
    fn pym_obj_free_sized(p: *mut u8, n: usize);
    fn pym_raw_aligned_alloc(align: usize, n: usize) -> *mut u8;
    fn pym_raw_free(p: *mut u8);
}

/// Blocks of pools are aligned to 8, those of sizes that are multiples of 16 to 16, as larger ones are.
const ALIGN: usize = 8;
const WIDE: usize = 16;
const SMALL_MAX: usize = 512;

pub struct Pymalloc;

/// The size to ask of the object domain for, if it can give the alignment.
#[inline(always)]
fn plain(layout: Layout) -> Option<usize> {
    match layout.align() {
        a if a <= ALIGN => Some(layout.size()),
        WIDE if layout.size() > SMALL_MAX => Some(layout.size()),
        WIDE => Some((layout.size() + (WIDE - 1)) & !(WIDE - 1)),
        _ => None,
    }
}

// SAFETY: pymalloc.h promises blocks of the size asked for, distinct, aligned as said above, that stay
// where they are until they are freed or resized; NULL where there is no memory.  A wasm module without
// threads has one thread.
unsafe impl GlobalAlloc for Pymalloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match plain(layout) {
            Some(n) => unsafe { pym_obj_malloc(n) },
            None => unsafe { pym_raw_aligned_alloc(layout.align(), layout.size()) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        match plain(layout) {
            Some(n) => unsafe { pym_obj_free_sized(p, n) },
            None => unsafe { pym_raw_free(p) },
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if let Some(n) = plain(layout) {
            return unsafe { pym_obj_calloc(1, n) };
        }
        let p = unsafe { pym_raw_aligned_alloc(layout.align(), layout.size()) };
        if !p.is_null() {
            unsafe { p.write_bytes(0, layout.size()) };
        }
        p
    }

    #[inline]
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, n: usize) -> *mut u8 {
        // SAFETY: the caller of realloc promises that n is a valid size for this alignment.
        let new = unsafe { Layout::from_size_align_unchecked(n, layout.align()) };
        if let (Some(_), Some(n)) = (plain(layout), plain(new)) {
            // A block that is made smaller stays where it is, and may be of a larger class: of those
            // only multiples of 16 are aligned to 16, and plain() asks for these.
            return unsafe { pym_obj_realloc(p, n) };
        }
        let q = unsafe { self.alloc(new) };
        if !q.is_null() {
            unsafe { core::ptr::copy_nonoverlapping(p, q, layout.size().min(n)) };
            unsafe { self.dealloc(p, layout) };
        }
        q
    }
}
