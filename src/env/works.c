#include "env/works.h"

#include "base/mem.h"

bool sli_works_init(sli_works *works)
{
    enum { FIRST_CAPACITY = 16 };
    *works = (sli_works){.capacity = FIRST_CAPACITY};
    works->ring = sl_alloc_array(SLI_TAG_ENV, works->capacity, sizeof *works->ring);
    return works->ring != NULL;
}

void sli_works_reset(sli_works *works)
{
    sl_free(works->ring);
    *works = (sli_works){0};
}

static bool has_room(sli_works *works)
{
    if (works->n < works->capacity) {
        return true;
    }
    if (works->capacity >= SLI_STRAND_LIMIT) {
        return false;
    }
    sli_work *ring = sl_alloc_array(SLI_TAG_ENV, works->capacity * 2, sizeof *ring);
    if (ring == NULL) {
        return false;
    }
    for (size_t i = 0; i < works->n; i++) {
        ring[i] = works->ring[(works->first + i) & (works->capacity - 1)];
    }
    sl_free(works->ring);
    works->ring = ring;
    works->first = 0;
    works->capacity *= 2;
    return true;
}

bool sli_works_put(sli_works *works, sli_work work)
{
    if (!has_room(works)) {
        return false;
    }
    works->ring[(works->first + works->n) & (works->capacity - 1)] = work;
    works->n++;
    return true;
}

bool sli_works_take(sli_works *works, sli_work *out)
{
    if (works->n == 0) {
        return false;
    }
    *out = works->ring[works->first];
    works->first = (works->first + 1) & (works->capacity - 1);
    works->n--;
    return true;
}
