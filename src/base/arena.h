/// arena.h — memory that goes all at once: one arena a job, one an epoch, one a task attempt.
///
/// Allocation is a bump; chunks double from 4 KiB up to 1 MiB. Debug builds overwrite what a reset
/// gives back, and AddressSanitizer sees overruns. An arena has no limit of its own but
/// SLI_ALLOC_MAX_BYTES for one allocation: whoever fills it states one. Functions that return a
/// pointer give NULL when memory was refused. Thread: one at a time per arena.
#pragma once

#include "base/mem.h"

sl_arena *sl_arena_new(sli_tag tag);          ///< NULL without memory
void sl_arena_free(SL_TAKES sl_arena *arena); ///< accepts NULL
void sl_arena_reset(sl_arena *arena);         ///< forgets everything, keeps the first chunk
// sl_arena_alloc is public: sluice/base.h.
void *sl_arena_alloc_zero(sl_arena *arena, size_t size) SL_MUST_USE;
void *sl_arena_copy(sl_arena *arena, const void *data, size_t size) SL_MUST_USE;
char *sl_arena_strdup(sl_arena *arena, const char *text) SL_MUST_USE;
char *sl_arena_printf(sl_arena *arena, const char *fmt, ...) SL_PRINTF(2, 3) SL_MUST_USE;
/// Bytes handed out since the last reset, rounded up to 16 each.
size_t sl_arena_used(const sl_arena *arena);
