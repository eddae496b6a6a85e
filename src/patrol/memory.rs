//! What the allocator may keep for itself.

/// Heaps that the threads share. Each keeps what was freed in it, and by default there are eight for each processor: what
/// one thread read at the start would be lost to the others.
const HEAPS: libc::c_int = 1;
/// Free bytes at the end of a heap that go back to the system at once.
const KEPT_BYTES: libc::c_int = 4 << 20;
/// Blocks from this size on are mapped one by one, and go back to the system when they are freed. Without it glibc
/// raises its threshold to the largest block that was ever freed.
const MAPPED_BYTES: libc::c_int = 256 << 10;

/// Gives back what is free between blocks in use: what a start or a storm needed for a moment.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: touches free memory of the allocator only.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Bounds it, for the whole process. Call it before threads begin.
pub fn bound() {
    #[cfg(target_env = "gnu")]
    for (setting, value) in
        [(libc::M_ARENA_MAX, HEAPS), (libc::M_TRIM_THRESHOLD, KEPT_BYTES), (libc::M_MMAP_THRESHOLD, MAPPED_BYTES)]
    {
        // SAFETY: takes two numbers and touches the allocator's own settings only. A setting that it does not know
        // changes nothing.
        unsafe { libc::mallopt(setting, value) };
    }
}
