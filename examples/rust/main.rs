//! What programs in Rust do with memory: collections, strings, boxes, in rounds; and every alignment.
//! Built with `--cfg pym` on wasm-pymalloc, without on Rust's own allocator.
#[cfg(pym)]
#[path = "pymalloc.rs"]
mod pymalloc;
#[cfg(pym)]
#[global_allocator]
static ALLOCATOR: pymalloc::Pymalloc = pymalloc::Pymalloc;

use std::alloc::{alloc, alloc_zeroed, dealloc, realloc, Layout};
use std::collections::{BTreeMap, HashMap};

fn numbers() -> impl FnMut() -> u32 {
    let mut x = 12345u32;
    move || {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        x
    }
}

fn collections(rounds: u32) -> u64 {
    let mut next = numbers();
    let mut sum = 0u64;
    for round in 0..rounds {
        let mut lists: HashMap<String, Vec<u32>> = HashMap::new();
        let mut texts: BTreeMap<u32, String> = BTreeMap::new();
        let mut boxes: Vec<Option<Box<[u8; 40]>>> = (0..4096).map(|_| None).collect();
        for i in 0..20_000u32 {
            lists.entry(format!("key-{}", next() % 5000)).or_default().push(i);
            texts.insert(next() % 30_000, format!("value {i} of round {round}"));
            boxes[(next() & 4095) as usize] = Some(Box::new([i as u8; 40]));
            if i % 8 == 0 {
                texts.pop_first();
            }
        }
        let joined = texts.values().map(String::as_str).collect::<Vec<_>>().join(",");
        let pushed: usize = lists.values().map(Vec::len).sum();
        sum = sum.wrapping_mul(31).wrapping_add((joined.len() + pushed + texts.len()) as u64);
    }
    sum
}

/// Every alignment and many sizes: aligned, disjoint, contents kept by a realloc, zeroed when asked.
fn alignments() -> u32 {
    let mut checked = 0;
    for shift in 0..=16 {
        let align = 1usize << shift;
        let mut live: Vec<(*mut u8, Layout, u8)> = Vec::new();
        for (i, size) in [1usize, 7, 8, 15, 16, 24, 40, 100, 500, 512, 513, 3000, 70_000].iter().enumerate() {
            let layout = Layout::from_size_align(*size, align).unwrap();
            for zeroed in [false, true] {
                let p = unsafe { if zeroed { alloc_zeroed(layout) } else { alloc(layout) } };
                assert!(!p.is_null() && p as usize % align == 0, "{size} bytes at {align}");
                let bytes = unsafe { std::slice::from_raw_parts_mut(p, *size) };
                assert!(!zeroed || bytes.iter().all(|b| *b == 0));
                bytes.fill(i as u8 + 1);
                live.push((p, layout, i as u8 + 1));
            }
        }
        for (p, layout, mark) in live.iter_mut() {
            for n in [layout.size() * 3, layout.size() / 2 + 1] {
                let kept = n.min(layout.size());
                let q = unsafe { realloc(*p, *layout, n) };
                assert!(!q.is_null() && q as usize % align == 0, "{n} bytes at {align}, resized");
                let bytes = unsafe { std::slice::from_raw_parts_mut(q, n) };
                assert!(bytes[..kept].iter().all(|b| b == mark));
                bytes.fill(*mark);
                *p = q;
                *layout = Layout::from_size_align(n, align).unwrap();
                checked += 1;
            }
        }
        for (p, layout, mark) in live {
            let bytes = unsafe { std::slice::from_raw_parts(p, layout.size()) };
            assert!(bytes.iter().all(|b| *b == mark));
            unsafe { dealloc(p, layout) };
        }
    }
    checked
}

#[cfg(target_os = "wasi")]
fn main() {
    let rounds = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(3);
    println!("{} resized, checksum {}, {} pages", alignments(), collections(rounds),
        core::arch::wasm32::memory_size(0));
}

/// For `wasm32-unknown-unknown`, whose host calls it.
#[cfg(not(target_os = "wasi"))]
#[no_mangle]
pub extern "C" fn run(rounds: u32) -> u64 {
    collections(rounds)
}
#[cfg(not(target_os = "wasi"))]
#[no_mangle]
pub extern "C" fn check() -> u32 {
    alignments()
}
#[cfg(not(target_os = "wasi"))]
fn main() {}
