//! Counts allocations, by who made them, while it is told to: a sample that is timed does not pay for it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Whose a thread is; of nobody until it says so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// An exporter's.
    Nobody = 0,
    /// It makes spans by calling functions.
    Application = 1,
    /// It runs the tasks of the runtime.
    Runtime = 2,
}

/// What was allocated: how often, and how many bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) times: u64,
    pub(crate) bytes: u64,
}

/// What was allocated on the threads of each owner since counting began.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts([Count; 3]);

impl Counts {
    pub(crate) fn of(&self, owner: Owner) -> Count {
        self.0[owner as usize]
    }

    pub(crate) fn all(&self) -> Count {
        let mut sum = Count::default();
        for count in self.0 {
            sum += count;
        }
        sum
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.times += other.times;
        self.bytes += other.bytes;
    }
}

/// Says whose the current thread is.
pub(crate) fn this_thread_is(owner: Owner) {
    OWNER.set(owner);
}

/// Begins to count, from zero.
pub(crate) fn count() {
    for (times, bytes) in &COUNTS {
        times.store(0, Ordering::Relaxed);
        bytes.store(0, Ordering::Relaxed);
    }
    COUNTING.store(true, Ordering::SeqCst);
}

/// What was counted up to now.
pub(crate) fn counted() -> Counts {
    Counts(COUNTS.each_ref().map(|(times, bytes)| Count {
        times: times.load(Ordering::SeqCst),
        bytes: bytes.load(Ordering::SeqCst),
    }))
}

pub(crate) fn stop_counting() {
    COUNTING.store(false, Ordering::SeqCst);
}

static COUNTING: AtomicBool = AtomicBool::new(false);
static COUNTS: [(AtomicU64, AtomicU64); 3] = [const { (AtomicU64::new(0), AtomicU64::new(0)) }; 3];

thread_local! {
    // Without a destructor, so that it can be read while the thread ends.
    static OWNER: Cell<Owner> = const { Cell::new(Owner::Nobody) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn note(bytes: usize) {
    if COUNTING.load(Ordering::Relaxed) {
        let (times, sum) = &COUNTS[OWNER.get() as usize];
        times.fetch_add(1, Ordering::Relaxed);
        sum.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

#[expect(
    unsafe_code,
    reason = "the trait is; each call is handed to the system's allocator as it came"
)]
// SAFETY: `System` keeps the contract, and nothing is changed on the way to it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        note(bytes);
        unsafe { System.realloc(block, layout, bytes) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }
}
