/// arena.c — bump allocation from chunks that are freed together.
///
///     first ── the chunk that a reset keeps          | used | at ──► free ◄── end |
///     rest  ── newest ─► ... ─► oldest               the open chunk is `first` or one of `rest`
///
/// A request that no chunk of the usual size could hold gets a chunk of its own beside the open
/// one, so that the open one's free bytes stay in use. Under AddressSanitizer everything not handed
/// out is poisoned, the bytes between two allocations included: an overrun inside an arena is found
/// like one on the heap.
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(ARENA_POISONS)
#define ARENA_POISONS 1
#endif

#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

enum { GRAIN_BYTES = 16, FIRST_BYTES = 4096, LARGEST_BYTES = 1 << 20, RESET_BYTE = 0xDB };

/// Followed by `size` bytes to hand out.
typedef struct chunk {
    struct chunk *next;
    size_t size;
} chunk;
_Static_assert(sizeof(chunk) == GRAIN_BYTES, "a chunk's bytes start aligned");

struct sl_arena {
    chunk *first, *rest;
    char *at, *end;   ///< free bytes of the open chunk
    size_t next_size; ///< of the next usual chunk, with its head
    size_t used;
    sli_tag tag;
};

sl_arena *sl_arena_new(sli_tag tag)
{
    sl_arena *arena = sl_alloc_zero(tag, sizeof(*arena));
    if (arena != NULL) {
        arena->tag = tag;
        arena->next_size = FIRST_BYTES;
    }
    return arena;
}

static char *bytes_of(chunk *c)
{
    return (char *)(c + 1);
}

static void chunk_free(chunk *c)
{
    UNPOISON(bytes_of(c), c->size); // debug builds overwrite what is freed
    sl_free(c);
}

static chunk *chunk_new(const sl_arena *arena, size_t size)
{
    chunk *c = sl_alloc(arena->tag, sizeof(chunk) + size);
    if (c != NULL) {
        c->next = NULL;
        c->size = size;
        POISON(bytes_of(c), size);
    }
    return c;
}

static void free_rest(sl_arena *arena)
{
    while (arena->rest != NULL) {
        chunk *c = arena->rest;
        arena->rest = c->next;
        chunk_free(c);
    }
}

void sl_arena_free(sl_arena *arena)
{
    if (arena == NULL) {
        return;
    }
    free_rest(arena);
    if (arena->first != NULL) {
        chunk_free(arena->first);
    }
    sl_free(arena);
}

static void open_chunk(sl_arena *arena, chunk *c)
{
    arena->at = bytes_of(c);
    arena->end = arena->at + c->size;
}

void sl_arena_reset(sl_arena *arena)
{
    free_rest(arena);
    arena->at = arena->end = NULL;
    arena->next_size = FIRST_BYTES;
    arena->used = 0;
    chunk *first = arena->first;
    if (first != NULL) {
#ifndef NDEBUG
        UNPOISON(bytes_of(first), first->size);
        memset(bytes_of(first), RESET_BYTE, first->size);
#endif
        POISON(bytes_of(first), first->size);
        open_chunk(arena, first);
        arena->next_size = 2 * FIRST_BYTES;
    }
}

/// Makes a usual chunk and opens it. False when memory was refused.
static bool add_usual_chunk(sl_arena *arena)
{
    chunk *c = chunk_new(arena, arena->next_size - sizeof(chunk));
    if (c == NULL) {
        return false;
    }
    if (arena->first == NULL) {
        arena->first = c;
    } else {
        c->next = arena->rest;
        arena->rest = c;
    }
    open_chunk(arena, c);
    if (arena->next_size < LARGEST_BYTES) {
        arena->next_size *= 2;
    }
    return true;
}

/// `need` bytes in a chunk of their own.
static void *alloc_apart(sl_arena *arena, size_t need)
{
    chunk *c = chunk_new(arena, need);
    if (c == NULL) {
        return NULL;
    }
    c->next = arena->rest;
    arena->rest = c;
    return bytes_of(c);
}

void *sl_arena_alloc(sl_arena *arena, size_t size)
{
    if (size > SLI_ALLOC_MAX_BYTES - 2 * GRAIN_BYTES) {
        return NULL;
    }
    // An empty allocation gets a grain too: two of them never share an address.
    size_t need = size == 0 ? GRAIN_BYTES : (size + GRAIN_BYTES - 1) & ~(size_t)(GRAIN_BYTES - 1);
    char *p = NULL;
    if (need <= (size_t)(arena->end - arena->at)) {
        p = arena->at;
        arena->at += need;
    } else if (need > arena->next_size - sizeof(chunk)) {
        p = alloc_apart(arena, need);
    } else if (add_usual_chunk(arena)) {
        p = arena->at;
        arena->at += need;
    }
    if (p != NULL) {
        arena->used += need;
        UNPOISON(p, size);
    }
    return p;
}

void *sl_arena_alloc_zero(sl_arena *arena, size_t size)
{
    void *p = sl_arena_alloc(arena, size);
    return p == NULL ? NULL : memset(p, 0, size);
}

void *sl_arena_copy(sl_arena *arena, const void *data, size_t size)
{
    void *p = sl_arena_alloc(arena, size);
    return p == NULL || size == 0 ? p : memcpy(p, data, size);
}

char *sl_arena_strdup(sl_arena *arena, const char *text)
{
    return sl_arena_copy(arena, text, strlen(text) + 1);
}

char *sl_arena_printf(sl_arena *arena, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = n < 0 ? NULL : sl_arena_alloc(arena, (size_t)n + 1);
    if (text != NULL) {
        vsnprintf(text, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    return text;
}

size_t sl_arena_used(const sl_arena *arena)
{
    return arena->used;
}
