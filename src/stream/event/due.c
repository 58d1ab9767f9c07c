// A heap of keys by time.
#include "stream/event/due.h"

#include <stdlib.h>
#include <string.h>

void sli_due_reset(sli_due *due)
{
    for (int32_t i = 0; i < due->n; i++) {
        sl_free(due->heap[i]);
    }
    sl_free(due->heap);
    *due = (sli_due){0};
}

static void swap(sli_due *due, int32_t a, int32_t b)
{
    sli_due_key *kept = due->heap[a];
    due->heap[a] = due->heap[b];
    due->heap[b] = kept;
}

static void rise(sli_due *due, int32_t i)
{
    while (i > 0 && due->heap[i]->at_us < due->heap[(i - 1) / 2]->at_us) {
        swap(due, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
}

static void sink(sli_due *due, int32_t i)
{
    for (;;) {
        int64_t left = 2 * (int64_t)i + 1, right = left + 1;
        int32_t least = i;
        if (left < due->n && due->heap[left]->at_us < due->heap[least]->at_us) {
            least = (int32_t)left;
        }
        if (right < due->n && due->heap[right]->at_us < due->heap[least]->at_us) {
            least = (int32_t)right;
        }
        if (least == i) {
            return;
        }
        swap(due, i, least);
        i = least;
    }
}

static sl_code make_room(sli_due *due, sl_error *err)
{
    if (due->n < due->capacity) {
        return SL_OK;
    }
    if (due->capacity > INT32_MAX / 2) {
        return sl_error_nomem(err, (size_t)due->capacity * sizeof(sli_due_key *), "due keys");
    }
    int32_t capacity = due->capacity == 0 ? 16 : due->capacity * 2;
    sli_due_key **more =
        sl_realloc(SLI_TAG_STREAM, due->heap, (size_t)capacity * sizeof(sli_due_key *));
    if (more == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof(sli_due_key *), "due keys");
    }
    due->heap = more;
    due->capacity = capacity;
    return SL_OK;
}

sl_code sli_due_add(sli_due *due, int64_t at_us, int32_t slot, sl_bytes key, sl_error *err)
{
    SL_TRY(make_room(due, err));
    sli_due_key *entry = sl_alloc(SLI_TAG_STREAM, sizeof *entry + key.size);
    if (entry == NULL) {
        return sl_error_nomem(err, sizeof *entry + key.size, "a due key");
    }
    *entry = (sli_due_key){at_us, slot, (uint32_t)key.size};
    memcpy(entry->key, key.data, key.size);
    due->heap[due->n] = entry;
    due->bytes += (int64_t)(sizeof *entry + key.size);
    rise(due, due->n++);
    return SL_OK;
}

int64_t sli_due_first(const sli_due *due)
{
    return due->n == 0 ? INT64_MAX : due->heap[0]->at_us;
}

static int by_time_and_key(const void *a, const void *b)
{
    const sli_due_key *left = *(const sli_due_key *const *)a;
    const sli_due_key *right = *(const sli_due_key *const *)b;
    if (left->at_us != right->at_us) {
        return left->at_us < right->at_us ? -1 : 1;
    }
    uint32_t shorter = left->size < right->size ? left->size : right->size;
    int order = memcmp(left->key, right->key, shorter);
    return order != 0 ? order : (left->size > right->size) - (left->size < right->size);
}

/// Keys at and below place i that are due; `out` NULL: only counted. A key is not due before the
/// one above it, so this visits what is due and little more. As deep as the heap, 31 at most.
static int32_t gather(const sli_due *due, int64_t i, int64_t now_us, const sli_due_key **out)
{
    if (i >= due->n || due->heap[i]->at_us > now_us) {
        return 0;
    }
    if (out != NULL) {
        *out++ = due->heap[i];
    }
    int32_t left = gather(due, 2 * i + 1, now_us, out);
    return 1 + left + gather(due, 2 * i + 2, now_us, out == NULL ? NULL : out + left);
}

sl_code sli_due_list(const sli_due *due, int64_t now_us, sl_arena *arena,
                     const sli_due_key *const **out, int32_t *n, sl_error *err)
{
    *n = 0;
    *out = NULL;
    if (sli_due_first(due) > now_us) {
        return SL_OK;
    }
    int32_t count = gather(due, 0, now_us, NULL);
    const sli_due_key **list = sl_arena_alloc(arena, (size_t)count * sizeof(sli_due_key *));
    if (list == NULL) {
        return sl_error_nomem(err, (size_t)count * sizeof(sli_due_key *), "due keys");
    }
    *n = gather(due, 0, now_us, list);
    qsort(list, (size_t)count, sizeof(sli_due_key *), by_time_and_key);
    *out = list;
    return SL_OK;
}

void sli_due_drop(sli_due *due, int64_t now_us)
{
    while (sli_due_first(due) <= now_us) {
        sli_due_key *first = due->heap[0];
        due->bytes -= (int64_t)(sizeof *first + first->size);
        due->heap[0] = due->heap[--due->n];
        sl_free(first);
        if (due->n > 0) {
            sink(due, 0);
        }
    }
}

int64_t sli_due_footprint(const sli_due *due)
{
    return due->bytes + (int64_t)due->capacity * (int64_t)sizeof(sli_due_key *);
}
