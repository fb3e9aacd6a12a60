//! Keeps the memory for frames of Python functions that the interpreter gives back.
//!
//! A thread's frames lie in chunks of 16 KiB. The interpreter maps a chunk when a thread begins, and whenever a call
//! does not fit into the last one; it unmaps the chunk when that call returns, and the next call maps it anew. That
//! costs several microseconds, at each start of a thread, and at each call from the frame that happens to be the last
//! one in its chunk. Which frame this is depends on how many frames are below it, so a program could become slower
//! only because `interlock run` calls it. (CPython, Python/pystate.c: `push_chunk`, `_PyThreadState_PopFrame`. From 3.14
//! on each thread keeps one chunk; then what remains is the start of threads.)
//!
//! The cache never waits: interpreters with locks of their own use it at once, and a fork may come while a thread that
//! the child does not have uses it. Then memory is mapped and unmapped as without the cache.

#![expect(unsafe_code, reason = "the allocator's functions are of the C API")]

use std::ffi::c_void;
use std::ptr;
use std::sync::{Once, OnceLock};

use interlock_wait::WordLock;
use pyo3::ffi;

/// The size of the chunks that are kept, in bytes: `DATA_STACK_CHUNK_SIZE` of CPython.
const CHUNK: usize = 16 << 10;
/// How many are kept at most: 512 KiB.
const MOST: usize = 32;

struct Cache {
    chunks: [*mut c_void; MOST],
    count: usize,
}

// SAFETY: the kept chunks belong to the cache alone.
unsafe impl Send for Cache {}

static CACHE: WordLock<Cache> = WordLock::new(Cache {
    chunks: [ptr::null_mut(); MOST],
    count: 0,
});

/// The allocator that was in place before.
struct Before(ffi::PyObjectArenaAllocator);

// SAFETY: an allocator's functions may be called on any thread.
unsafe impl Send for Before {}
// SAFETY: as above.
unsafe impl Sync for Before {}

static BEFORE: OnceLock<Before> = OnceLock::new();

impl Cache {
    fn take(&mut self) -> Option<*mut c_void> {
        self.count = self.count.checked_sub(1)?;
        self.chunks.get(self.count).copied()
    }

    /// Returns whether there is room for the chunk.
    fn keep(&mut self, chunk: *mut c_void) -> bool {
        let place = self.chunks.get_mut(self.count);
        let is_kept = place.map(|place| *place = chunk).is_some();
        self.count += usize::from(is_kept);
        is_kept
    }
}

extern "C" fn allocate(_: *mut c_void, size: usize) -> *mut c_void {
    let kept = (size == CHUNK).then(|| CACHE.try_lock()?.take()).flatten();
    kept.unwrap_or_else(|| {
        let before = BEFORE.get().and_then(|Before(it)| Some((it.alloc?, it.ctx)));
        before.map_or(ptr::null_mut(), |(alloc, context)| alloc(context, size))
    })
}

extern "C" fn free(_: *mut c_void, memory: *mut c_void, size: usize) {
    let is_kept = size == CHUNK && CACHE.try_lock().is_some_and(|mut cache| cache.keep(memory));
    if !is_kept && let Some((free, context)) = BEFORE.get().and_then(|Before(it)| Some((it.free?, it.ctx))) {
        free(context, memory, size);
    }
}

/// Begins to keep chunks. The calling thread is attached.
pub(crate) fn begin() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let mut before = ffi::PyObjectArenaAllocator {
            ctx: ptr::null_mut(),
            alloc: None,
            free: None,
        };
        // SAFETY: the interpreter fills the structure.
        unsafe { ffi::PyObject_GetArenaAllocator(&raw mut before) };
        BEFORE.get_or_init(|| Before(before));
        let mut ours = ffi::PyObjectArenaAllocator {
            ctx: ptr::null_mut(),
            alloc: Some(allocate),
            free: Some(free),
        };
        // SAFETY: what `free` does not keep goes back to the allocator that was in place before, which can also free
        // what it has allocated until now. The interpreter copies the structure.
        unsafe { ffi::PyObject_SetArenaAllocator(&raw mut ours) };
    });
}
