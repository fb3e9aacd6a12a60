//! The first piece of a thread's Python stack, kept for reuse as the thread itself is.
//!
//! A thread state that runs Python code has 16 KiB of stack mapped for it, and unmapped when it is cleared, which makes
//! the processors forget addresses: several microseconds each time. So a piece that is given back is kept for the next
//! thread. Everything else that the interpreter maps is mapped as before.

use std::ffi::c_void;

use interlock_wait::WordLock;
use pyo3::ffi;

/// The size of the pieces that are kept, in bytes: `DATA_STACK_CHUNK_SIZE` of CPython's pystate.c.
const CHUNK: usize = 16 * 1024;
/// How many are kept at most: as many as there are idle threads at most.
const MOST_KEPT: usize = 64;

struct Chunks {
    /// The allocator that was in place before.
    before: Option<ffi::PyObjectArenaAllocator>,
    kept: Vec<*mut c_void>,
}

// SAFETY: the pieces in the list belong to the list alone, and the allocator's functions may be called on any thread.
unsafe impl Send for Chunks {}

static CHUNKS: WordLock<Chunks> = WordLock::new(Chunks {
    before: None,
    kept: Vec::new(),
});

extern "C" fn allocate(_context: *mut c_void, size: usize) -> *mut c_void {
    let mut chunks = CHUNKS.lock();
    let kept = (size == CHUNK).then(|| chunks.kept.pop()).flatten();
    match (kept, chunks.before) {
        (Some(chunk), _) => chunk,
        (None, Some(before)) => {
            drop(chunks);
            before
                .alloc
                .map_or(std::ptr::null_mut(), |alloc| alloc(before.ctx, size))
        }
        (None, None) => std::ptr::null_mut(),
    }
}

extern "C" fn free(_context: *mut c_void, memory: *mut c_void, size: usize) {
    let mut chunks = CHUNKS.lock();
    if size == CHUNK && chunks.kept.len() < MOST_KEPT {
        chunks.kept.push(memory);
    } else if let Some(before) = chunks.before {
        drop(chunks);
        if let Some(free) = before.free {
            free(before.ctx, memory, size);
        }
    }
}

/// Begins to keep pieces. The calling thread is attached.
pub(crate) fn keep() {
    let mut chunks = CHUNKS.lock();
    if chunks.before.is_some() {
        return;
    }
    chunks.kept.reserve_exact(MOST_KEPT);
    let mut before = ffi::PyObjectArenaAllocator {
        ctx: std::ptr::null_mut(),
        alloc: None,
        free: None,
    };
    // SAFETY: the structure is ours to be filled.
    unsafe { ffi::PyObject_GetArenaAllocator(&raw mut before) };
    chunks.before = Some(before);
    drop(chunks);
    let mut ours = ffi::PyObjectArenaAllocator {
        ctx: std::ptr::null_mut(),
        alloc: Some(allocate),
        free: Some(free),
    };
    // SAFETY: memory of the allocator before goes back to it, through `free`, and the interpreter copies the structure.
    unsafe { ffi::PyObject_SetArenaAllocator(&raw mut ours) };
}
