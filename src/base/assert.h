/// assert.h — broken invariants stop the program, in release builds too where the check is cheap.
#pragma once

#include <stdbool.h>

/// Prints file, line, the expression and `why` to standard error and aborts. Never for outside data
/// or user mistakes.
#define SL_ASSERT(truth, why)                                                                      \
    ((truth) ? (void)0 : sli_assert_failed(__FILE__, __LINE__, #truth, why))

#ifdef NDEBUG
#define SL_ASSERT_DEBUG(truth, why) ((void)0)
#else
/// For checks that cost time in a loop.
#define SL_ASSERT_DEBUG(truth, why) SL_ASSERT(truth, why)
#endif

_Noreturn void sli_assert_failed(const char *file, int line, const char *expression,
                                 const char *why);
