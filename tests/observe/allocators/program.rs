//! The same as program.c in Rust: its own account of what it asked the allocator of std for.

use std::alloc::{alloc, alloc_zeroed, dealloc, realloc, Layout};

const SLOTS: usize = 400;

#[derive(Clone, Copy)]
struct Slot {
    block: *mut u8,
    layout: Layout,
}

struct State {
    slots: [Option<Slot>; SLOTS],
    bytes: u32,
    blocks: u32,
    refused: u32,
    damaged: u32,
    random: u32,
}

static mut STATE: State =
    State { slots: [None; SLOTS], bytes: 0, blocks: 0, refused: 0, damaged: 0, random: 0 };

impl State {
    fn draw(&mut self, n: u32) -> u32 {
        self.random = self.random.wrapping_mul(1664525).wrapping_add(1013904223);
        (self.random >> 8) % n
    }

    unsafe fn account(&mut self, i: usize, block: *mut u8, layout: Layout) {
        if block.is_null() {
            self.refused += 1;
            return;
        }
        if let Some(old) = self.slots[i] {
            self.bytes -= old.layout.size() as u32;
            self.blocks -= 1;
        }
        let size = layout.size();
        *block = size as u8;
        *block.add(size - 1) = size as u8;
        self.slots[i] = Some(Slot { block, layout });
        self.bytes += size as u32;
        self.blocks += 1;
    }

    unsafe fn check(&mut self, slot: Slot) {
        let size = slot.layout.size();
        if *slot.block != size as u8 || *slot.block.add(size - 1) != size as u8 {
            self.damaged += 1;
        }
    }

    unsafe fn release(&mut self, i: usize) {
        if let Some(slot) = self.slots[i].take() {
            self.check(slot);
            dealloc(slot.block, slot.layout);
            self.bytes -= slot.layout.size() as u32;
            self.blocks -= 1;
        }
    }

    unsafe fn step(&mut self) {
        let i = self.draw(SLOTS as u32) as usize;
        let size = 1 + if self.draw(40) > 0 { self.draw(300) } else { self.draw(60000) } as usize;
        if let Some(slot) = self.slots[i] {
            if self.draw(3) > 0 {
                return self.release(i);
            }
            self.check(slot);
            let layout = Layout::from_size_align_unchecked(size, slot.layout.align());
            self.account(i, realloc(slot.block, slot.layout, size), layout);
            return;
        }
        let align = if self.draw(4) == 0 { 64 } else { 8 };
        let layout = Layout::from_size_align_unchecked(size, align);
        let block = if self.draw(4) == 0 { alloc_zeroed(layout) } else { alloc(layout) };
        self.account(i, block, layout);
    }
}

fn state() -> &'static mut State {
    unsafe { &mut *std::ptr::addr_of_mut!(STATE) }
}

#[no_mangle]
pub extern "C" fn run(seed: u32, steps: u32) {
    state().random = seed;
    for _ in 0..steps {
        unsafe { state().step() }
    }
}

#[no_mangle]
pub extern "C" fn finish() {
    for i in 0..SLOTS {
        unsafe { state().release(i) }
    }
}

#[no_mangle]
pub extern "C" fn bytes() -> u32 {
    state().bytes
}
#[no_mangle]
pub extern "C" fn blocks() -> u32 {
    state().blocks
}
#[no_mangle]
pub extern "C" fn failures() -> u32 {
    state().refused
}
#[no_mangle]
pub extern "C" fn damages() -> u32 {
    state().damaged
}
