/// mem.c — blocks with a tag, over the C library's allocator; big ones over pages of their own.
///
///     malloc's block:  | (padding, aligned blocks only) | header, 16 bytes | the caller's bytes
///     ... |
///                      ^ base                                              ^ what the caller gets,
///                      base + offset
///
/// The header tells sl_free where malloc's block starts, so aligned blocks need no free of their
/// own, and whose count to lower. Its magic number finds pointers that never came from here and
/// most double frees, in release builds too.
#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/pages_int.h"

typedef struct block_header {
    size_t size;     ///< the caller's bytes, with padding
    uint32_t offset; ///< from malloc's pointer to the caller's
    uint16_t tag;
    uint16_t magic;
} block_header;

_Static_assert(sizeof(block_header) == 16, "the caller's bytes must stay 16-byte aligned");

enum {
    MAGIC_LIVE = 0x51CE,
    MAGIC_FREED = 0xDEAD,
    ALIGN_BYTES = 64,
    FRESH_BYTE = 0xCD, ///< debug: bytes nobody has written yet
    FREED_BYTE = 0xDD, ///< debug: bytes nobody may read any more
};
#ifdef NDEBUG
/// Blocks of so many are pages of their own: malloc never keeps such for the next ones either.
static const size_t big_bytes = (size_t)32 << 20;
static const bool always_moves = false;
#else
static const size_t big_bytes = SIZE_MAX; ///< none: sanitizers see the ends of malloc's blocks
/// A pointer kept across a growth fails in the first test and not in the field.
static const bool always_moves = true;
#endif

static const size_t huge_page_bytes = (size_t)2 << 20;

/// A counter on a cache line of its own, so that threads with different tags do not disturb each
/// other.
typedef struct tag_counter {
    // Relaxed throughout: a sum of increments that orders no other memory and pairs with nothing.
    _Alignas(64) _Atomic int64_t used_bytes;
} tag_counter;

static tag_counter counters[SLI_N_TAGS];

// The failed-allocation hook. By thread, so that a test cannot fail allocations of threads it does
// not know of.
static _Thread_local int64_t fail_in;
static _Thread_local int64_t n_allocations;

static const char *const tag_names[] = {
    [SLI_TAG_OTHER] = "other",   [SLI_TAG_BASE] = "base",       [SLI_TAG_ENV] = "env",
    [SLI_TAG_CONF] = "conf",     [SLI_TAG_METRICS] = "metrics", [SLI_TAG_BATCH] = "batch",
    [SLI_TAG_EXPR] = "expr",     [SLI_TAG_FS] = "fs",           [SLI_TAG_FORMAT] = "format",
    [SLI_TAG_SOURCE] = "source", [SLI_TAG_SINK] = "sink",       [SLI_TAG_INGEST] = "ingest",
    [SLI_TAG_RDD] = "rdd",       [SLI_TAG_SCHED] = "sched",     [SLI_TAG_EXEC] = "exec",
    [SLI_TAG_BLOCK] = "block",   [SLI_TAG_STATE] = "state",     [SLI_TAG_CKPT] = "ckpt",
    [SLI_TAG_STREAM] = "stream", [SLI_TAG_API] = "api",         [SLI_TAG_ARENA] = "arena",
    [SLI_TAG_SQL] = "sql",       [SLI_TAG_TEST] = "test",
};
_Static_assert(sizeof(tag_names) / sizeof(tag_names[0]) == SLI_N_TAGS, "every tag has a name");

const char *sli_tag_name(sli_tag tag)
{
    return (unsigned)tag < SLI_N_TAGS ? tag_names[tag] : "?";
}

void sli_mem_fail_nth(int64_t n)
{
    fail_in = n;
    n_allocations = 0;
}

int64_t sli_mem_count(void)
{
    return n_allocations;
}

int64_t sli_mem_used(int tag)
{
    if (tag >= 0) {
        SL_ASSERT(tag < SLI_N_TAGS, "no such memory tag");
        return atomic_load_explicit(&counters[tag].used_bytes, memory_order_relaxed);
    }
    int64_t sum = 0;
    for (int i = 0; i < SLI_N_TAGS; i++) {
        sum += atomic_load_explicit(&counters[i].used_bytes, memory_order_relaxed);
    }
    return sum;
}

static void count(unsigned tag, int64_t bytes)
{
    atomic_fetch_add_explicit(&counters[tag].used_bytes, bytes, memory_order_relaxed);
}

/// Counts one allocation and says whether it must fail.
static bool is_refused(sli_tag tag, size_t size)
{
    SL_ASSERT((unsigned)tag < SLI_N_TAGS, "no such memory tag");
    n_allocations++;
    if (fail_in > 0 && --fail_in == 0) {
        return true;
    }
    return size > SLI_ALLOC_MAX_BYTES;
}

static block_header *header_of(void *p)
{
    block_header *header = (block_header *)p - 1;
    SL_ASSERT(header->magic == MAGIC_LIVE, "not a live block of sl_alloc: freed twice or overrun");
    return header;
}

/// Writes the header before base + offset; returns the caller's pointer.
static void *finish(void *base, size_t offset, size_t size, sli_tag tag)
{
    char *p = (char *)base + offset;
    *((block_header *)(void *)p - 1) =
        (block_header){size, (uint32_t)offset, (uint16_t)tag, MAGIC_LIVE};
    count((unsigned)tag, (int64_t)size);
    return p;
}

/// Debug builds: makes use of unwritten or freed bytes show itself.
static void overwrite(void *p, int byte, size_t size)
{
#ifdef NDEBUG
    (void)p;
    (void)byte;
    (void)size;
#else
    memset(p, byte, size);
    // Keeps the compiler from dropping a write whose bytes are freed next.
    __asm__ volatile("" : : "r"(p) : "memory");
#endif
}

static bool is_big(size_t size)
{
    return size >= big_bytes;
}

static size_t padded(size_t size)
{
    return (size + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
}

/// A block of pages is aligned and zeroed, whoever asks.
static void *take_pages(sli_tag tag, size_t size)
{
    void *base = sli_pages_new(ALIGN_BYTES + size);
    return base == NULL ? NULL : finish(base, ALIGN_BYTES, size, tag);
}

static void *take(sli_tag tag, size_t size)
{
    if (is_big(size)) {
        return take_pages(tag, size);
    }
    void *base = malloc(sizeof(block_header) + size);
    if (base == NULL) {
        return NULL;
    }
    void *p = finish(base, sizeof(block_header), size, tag);
    overwrite(p, FRESH_BYTE, size);
    return p;
}

static void *take_zero(sli_tag tag, size_t size)
{
    if (is_big(size)) {
        return take_pages(tag, size);
    }
    void *base = calloc(1, sizeof(block_header) + size);
    return base == NULL ? NULL : finish(base, sizeof(block_header), size, tag);
}

/// Padding reaches files; it must not differ from run to run.
static void *clear_padding(char *p, size_t size)
{
    memset(p + size, 0, padded(size) - size);
    return p;
}

static void *take_aligned(sli_tag tag, size_t size)
{
    if (is_big(padded(size))) {
        return take_pages(tag, padded(size));
    }
    size_t total = ALIGN_BYTES + padded(size); // the header: the last 16 of the first 64 bytes
    bool huge = padded(size) >= huge_page_bytes;
    void *base = NULL;
    if (posix_memalign(&base, huge ? huge_page_bytes : ALIGN_BYTES, total) != 0) {
        return NULL;
    }
    if (huge) {
        // A wish: without huge pages the block is slower, not wrong. Only whole pages, not the
        // neighbour's memory.
        (void)madvise(base, total & ~(huge_page_bytes - 1), MADV_HUGEPAGE);
    }
    char *p = finish(base, ALIGN_BYTES, padded(size), tag);
    overwrite(p, FRESH_BYTE, size);
    return clear_padding(p, size);
}

void *sl_alloc(sli_tag tag, size_t size)
{
    return is_refused(tag, size) ? NULL : take(tag, size);
}

void *sl_alloc_zero(sli_tag tag, size_t size)
{
    return is_refused(tag, size) ? NULL : take_zero(tag, size);
}

void *sl_alloc_array(sli_tag tag, size_t n, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        bytes = SIZE_MAX; // refused below, and counted as an allocation like any other
    }
    return sl_alloc_zero(tag, bytes);
}

void *sl_alloc_aligned(sli_tag tag, size_t size)
{
    return is_refused(tag, size) ? NULL : take_aligned(tag, size);
}

void sl_free(void *p)
{
    if (p == NULL) {
        return;
    }
    block_header *header = header_of(p);
    char *base = (char *)p - header->offset;
    size_t size = header->size;
    count(header->tag, -(int64_t)size);
    header->magic = MAGIC_FREED;
    overwrite(p, FREED_BYTE, size);
    if (is_big(size)) {
        sli_pages_free(base, ALIGN_BYTES + size);
    } else {
        free(base);
    }
}

void sli_mem_trim(void)
{
    (void)malloc_trim(0);
}

// ---------------------------------------------------------------- growing

/// The block's bytes go to `to`, as many as have room, and the block is freed; NULL: it stays.
static void *move(block_header *header, void *to, size_t size)
{
    if (to != NULL) {
        memcpy(to, header + 1, size < header->size ? size : header->size);
        sl_free(header + 1);
    }
    return to;
}

static bool must_move(const block_header *header, size_t size)
{
    return always_moves || is_big(header->size) != is_big(size);
}

/// In place where malloc or the system can.
static void *stretch(block_header *header, sli_tag tag, size_t size)
{
    size_t old_size = header->size, offset = header->offset;
    char *old = (char *)(header + 1) - offset;
    unsigned old_tag = header->tag;
    void *base = is_big(size) ? sli_pages_resize(old, offset + old_size, offset + size)
                              : realloc(old, offset + size);
    if (base == NULL) {
        return NULL;
    }
    count(old_tag, -(int64_t)old_size);
    return finish(base, offset, size, tag);
}

void *sl_realloc(sli_tag tag, void *p, size_t size)
{
    if (p == NULL) {
        return sl_alloc(tag, size);
    }
    block_header *header = header_of(p);
    SL_ASSERT(header->offset == sizeof(block_header) || is_big(header->size),
              "an aligned block is for sl_realloc_aligned");
    if (is_refused(tag, size)) {
        return NULL;
    }
    return must_move(header, size) ? move(header, take(tag, size), size)
                                   : stretch(header, tag, size);
}

void *sl_realloc_aligned(sli_tag tag, void *p, size_t size)
{
    if (p == NULL) {
        return sl_alloc_aligned(tag, size);
    }
    block_header *header = header_of(p);
    SL_ASSERT(header->offset == ALIGN_BYTES, "a block without alignment is for sl_realloc");
    if (is_refused(tag, size)) {
        return NULL;
    }
    if (!is_big(header->size) || !is_big(padded(size))) { // malloc's keeps no alignment
        return move(header, take_aligned(tag, size), size);
    }
    char *grown = stretch(header, tag, padded(size));
    return grown == NULL ? NULL : clear_padding(grown, size);
}

char *sl_strndup(sli_tag tag, const char *text, size_t size)
{
    char *copy = size < SIZE_MAX ? sl_alloc(tag, size + 1) : NULL;
    if (copy != NULL) {
        if (size > 0) { // memcpy must not see the NULL that an empty sl_text may hold
            memcpy(copy, text, size);
        }
        copy[size] = '\0';
    }
    return copy;
}

char *sl_strdup(sli_tag tag, const char *text)
{
    return sl_strndup(tag, text, strlen(text));
}

sl_code sl_error_nomem(sl_error *err, size_t size, const char *what)
{
    return sl_error_set(err, SL_E_NOMEM, "no memory: %zu bytes for %s were refused", size, what);
}
