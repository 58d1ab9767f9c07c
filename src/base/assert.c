/// assert.c — the end of a program whose invariants no longer hold.
///
/// It prints with what needs no memory of ours and aborts, so that a core dump shows the place.
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void sli_assert_failed(const char *file, int line, const char *expression,
                                 const char *why)
{
    fprintf(stderr, "sluice: %s:%d: broken invariant: %s (%s)\n", file, line, expression, why);
    fflush(stderr);
    abort();
}
