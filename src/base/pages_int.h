/// pages_int.h — big blocks as pages of their own, for mem.c.
///
/// They go back to the system when they are freed, and grow by being moved, not copied. They lie at
/// a multiple of 2 MiB and ask for huge pages. Thread: any.
#pragma once

#include <stddef.h>

/// Zeroed; NULL when the system has none.
void *sli_pages_new(size_t size);
/// `size` as it was given last.
void sli_pages_free(void *pages, size_t size);
/// What is new is zeroed. NULL: the pages are as they were.
void *sli_pages_resize(void *pages, size_t old_size, size_t size);
