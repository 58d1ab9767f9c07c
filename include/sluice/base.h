/// base.h — words every other public header uses: visibility, annotations, small value types.
///
/// The annotations expand to nothing for the compiler; they are part of a function's contract for
/// its reader.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define SL_BEGIN_DECLS extern "C" {
#define SL_END_DECLS }
#else
#define SL_BEGIN_DECLS
#define SL_END_DECLS
#endif

/// Marks what libsluice exports; everything else in the library is hidden.
#define SL_API __attribute__((visibility("default")))
/// The compiler warns when the result is thrown away.
#define SL_MUST_USE __attribute__((warn_unused_result))
/// The function takes printf arguments: `fmt` and `first` are 1-based positions.
#define SL_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/// The callee owns the argument from entry on, also when the call fails.
#define SL_TAKES
/// The callee takes a reference of its own; the caller keeps its own.
#define SL_SHARES
/// The callee uses the argument during the call only (the default; written where it could be
/// doubted).
#define SL_BORROWS

/// Bytes that somebody else owns. Not ended by a zero; `size` 0 means empty and `data` may then be
/// NULL.
typedef struct sl_bytes {
    const void *data;
    size_t size;
} sl_bytes;

/// Text that somebody else owns: UTF-8, not ended by a zero.
typedef struct sl_text {
    const char *data;
    size_t size;
} sl_text;

/// Bytes that the caller lends until they are given back: nothing is copied, nobody writes them
/// meanwhile, and nothing need be readable behind them.
typedef struct sl_loan {
    const void *bytes; ///< may be NULL when there are none
    size_t size_bytes;
    /// Gives the bytes back: called once, with `ctx`, when nothing points into them any more. It
    /// may run on any thread, also under Sluice's locks: it must not wait and not call Sluice.
    /// NULL: the bytes outlive whatever points into them.
    void (*release)(void *ctx);
    void *ctx;
} sl_loan;

/// A bump allocator whose memory goes all at once; opaque here, `sl_arena_alloc` is its one public
/// call.
typedef struct sl_arena sl_arena;

SL_BEGIN_DECLS

/// 16-byte aligned bytes that live until the arena is reset or freed; NULL when refused. `size` 0
/// gives a pointer of its own. Thread: one at a time per arena.
SL_API SL_MUST_USE void *sl_arena_alloc(sl_arena *arena, size_t size);
/// Gives back a text that a function has handed out; accepts NULL. Thread: any.
SL_API void sl_text_free(SL_TAKES char *text);

SL_END_DECLS
