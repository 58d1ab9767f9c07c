#include "base/pages_int.h"

#include <stdint.h>
#include <sys/mman.h>

static const size_t huge_page_bytes = (size_t)2 << 20;
static const size_t step_bytes = (size_t)64 << 10; // a multiple of every page size in use

static size_t whole(size_t size)
{
    return (size + step_bytes - 1) & ~(step_bytes - 1);
}

static void unmap(char *from, char *to)
{
    if (from < to) {
        (void)munmap(from, (size_t)(to - from));
    }
}

/// `size` bytes of address space at a multiple of 2 MiB: of more, all else is given back.
static void *map(size_t size, int protection)
{
    size_t room = size + huge_page_bytes;
    char *at = mmap(NULL, room, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        return NULL;
    }
    char *from = at + (-(uintptr_t)at & (huge_page_bytes - 1));
    unmap(at, from);
    unmap(from + size, at + room);
    return from;
}

void *sli_pages_new(size_t size)
{
    void *pages = map(whole(size), PROT_READ | PROT_WRITE);
    if (pages != NULL) {
        // A wish: without huge pages the block is slower, not wrong.
        (void)madvise(pages, whole(size), MADV_HUGEPAGE);
    }
    return pages;
}

void sli_pages_free(void *pages, size_t size)
{
    unmap(pages, (char *)pages + whole(size));
}

/// Another thread may map what is free at any time, so the pages move to a place that is taken
/// already, which the system exchanges in one step.
void *sli_pages_resize(void *pages, size_t old_size, size_t size)
{
    if (mremap(pages, whole(old_size), whole(size), 0) != MAP_FAILED) {
        return pages;
    }
    void *place = map(whole(size), PROT_NONE);
    if (place == NULL) {
        return NULL;
    }
    void *moved = mremap(pages, whole(old_size), whole(size), MREMAP_MAYMOVE | MREMAP_FIXED, place);
    return moved == MAP_FAILED ? NULL : moved;
}
