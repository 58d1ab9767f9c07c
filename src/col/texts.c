/// texts.c — the data buffers of a string column in the making: own chunks that text is copied
/// into, and buffers of other columns that views may point into. A source is found again by its
/// heap's address, so that repeating it is cheap; the order of buffers is that of first use,
/// whatever the addresses are.

#include "col/col_int.h"

#include <string.h>

enum { CHUNK_FIRST = 4096, CHUNK_MOST = 1 << 20, SLOTS_KEPT = 1024 };

/// `p` grown to room for `need` items, doubling; NULL when refused.
static void *grow(void *p, int32_t *capacity, int32_t need, size_t item)
{
    int32_t more = *capacity < 8 ? 8 : *capacity * 2;
    more = more < need ? need : more;
    void *grown = sl_realloc(SLI_TAG_BATCH, p, (size_t)more * item);
    if (grown != NULL) {
        *capacity = more;
    }
    return grown;
}

static sl_code reserve_entries(sli_texts *texts, int32_t n, sl_error *err)
{
    if (n > SLI_MAX_DATA - texts->n) {
        return sl_error_set(err, SL_E_INVALID, "a column points into more than %d data buffers",
                            SLI_MAX_DATA);
    }
    if (texts->n + n > texts->capacity) {
        void *grown = grow(texts->entries, &texts->capacity, texts->n + n, sizeof *texts->entries);
        if (grown == NULL) {
            return sl_error_nomem(err, (size_t)(texts->n + n) * sizeof *texts->entries,
                                  "data buffers");
        }
        texts->entries = grown;
    }
    return SL_OK;
}

static void add_entry(sli_texts *texts, sli_buffer *owner, const char *data, int64_t size)
{
    texts->entries[texts->n++] = (sli_text_entry){owner, data, size};
}

// ---------------------------------------------------------------- sharing

static sli_text_share *find_slot(const sli_texts *texts, const void *key)
{
    uint32_t mask = (uint32_t)texts->n_slots - 1;
    uint32_t at = (uint32_t)sli_mix64((uintptr_t)key) & mask;
    while (texts->slots[at].key != NULL && texts->slots[at].key != key) {
        at = (at + 1) & mask;
    }
    return &texts->slots[at];
}

static sl_code reserve_slots(sli_texts *texts, sl_error *err)
{
    if ((texts->n_used + 2) * 2 <= texts->n_slots) {
        return SL_OK;
    }
    sli_texts larger = {.n_slots = texts->n_slots < 8 ? 8 : texts->n_slots * 2};
    larger.slots = sl_alloc_array(SLI_TAG_BATCH, (size_t)larger.n_slots, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return sl_error_nomem(err, (size_t)larger.n_slots * sizeof *larger.slots, "data buffers");
    }
    for (int32_t i = 0; i < texts->n_slots; i++) {
        if (texts->slots[i].key != NULL) {
            *find_slot(&larger, texts->slots[i].key) = texts->slots[i];
        }
    }
    sl_free(texts->slots);
    texts->slots = larger.slots;
    texts->n_slots = larger.n_slots;
    return SL_OK;
}

static sl_code keep_heap(sli_texts *texts, sli_heap *heap, sl_error *err)
{
    if (texts->n_heaps == texts->heaps_capacity) {
        void *grown =
            grow(texts->heaps, &texts->heaps_capacity, texts->n_heaps + 1, sizeof(sli_heap *));
        if (grown == NULL) {
            return sl_error_nomem(err, sizeof(sli_heap *), "data buffers");
        }
        texts->heaps = grown;
    }
    texts->heaps[texts->n_heaps++] = sli_heap_ref(heap);
    return SL_OK;
}

/// Batches cut from one file have a heap each but the same single buffer: such heaps go by the
/// buffer.
static const void *key_of(const sli_heap *heap)
{
    return heap->n == 1 ? (const void *)heap->data[0] : (const void *)heap;
}

int32_t sli_texts_share(sli_texts *texts, sli_heap *heap, sl_error *err)
{
    if (heap == texts->last) {
        return texts->last_base;
    }
    if (reserve_slots(texts, err) != SL_OK) {
        return -1;
    }
    sli_text_share *slot = find_slot(texts, key_of(heap));
    if (slot->key == NULL) {
        if (reserve_entries(texts, heap->n, err) != SL_OK || keep_heap(texts, heap, err) != SL_OK) {
            return -1;
        }
        *slot = (sli_text_share){key_of(heap), texts->n};
        texts->n_used++;
        for (int32_t i = 0; i < heap->n; i++) {
            add_entry(texts, sli_buffer_ref(heap->owners[i]), heap->data[i], heap->sizes[i]);
        }
    } else if (heap->n == 1 && heap->sizes[0] > texts->entries[slot->base].size) {
        if (keep_heap(texts, heap, err) != SL_OK) {
            return -1;
        }
        texts->entries[slot->base].size = heap->sizes[0]; // the same bytes, more of them
        sli_buffer_unref(texts->entries[slot->base].owner);
        texts->entries[slot->base].owner = sli_buffer_ref(heap->owners[0]);
    }
    // The cache holds a reference: a heap that was freed and made again at its address would be
    // mistaken for it.
    sli_heap_unref(texts->last);
    texts->last = sli_heap_ref(heap);
    texts->last_base = slot->base;
    return slot->base;
}

// ---------------------------------------------------------------- own text

static sl_code new_chunk(sli_texts *texts, int64_t size, sl_error *err)
{
    // doubles within a batch; the next batch begins with the size the last one came to
    int64_t next = texts->chunk_next < CHUNK_FIRST ? CHUNK_FIRST : texts->chunk_next;
    texts->chunk_next = next > CHUNK_MOST / 2 ? CHUNK_MOST : next * 2;
    next = next < size ? size : next;
    sli_buffer *chunk = sli_buffer_new(next);
    if (chunk == NULL) {
        return sl_error_nomem(err, (size_t)next, "text");
    }
    sli_buffer_unref(texts->chunk); // its entry keeps it
    texts->chunk = chunk;
    texts->own_bytes += next;
    texts->chunk_used = 0;
    texts->chunk_index = -1;
    return SL_OK;
}

char *sli_texts_room(sli_texts *texts, int64_t size, int32_t *buffer, int32_t *offset,
                     sl_error *err)
{
    if (texts->chunk == NULL || sli_buffer_size(texts->chunk) - texts->chunk_used < size) {
        if (new_chunk(texts, size, err) != SL_OK) {
            return NULL;
        }
    }
    if (texts->chunk_used == 0) {
        if (reserve_entries(texts, 1, err) != SL_OK) {
            return NULL;
        }
        texts->chunk_index = texts->n;
        add_entry(texts, sli_buffer_ref(texts->chunk), sli_buffer_bytes(texts->chunk), 0);
    }
    *buffer = texts->chunk_index;
    *offset = (int32_t)texts->chunk_used;
    texts->chunk_used += size;
    texts->entries[texts->chunk_index].size = texts->chunk_used;
    return sli_buffer_data(texts->chunk) + *offset;
}

void sli_texts_clear(sli_texts *texts)
{
    bool handed_out = texts->chunk_used > 0; // others may read the open chunk now
    texts->chunk_next /= 2;                  // and so back to the size of the last one
    for (int32_t i = 0; i < texts->n; i++) {
        sli_buffer_unref(texts->entries[i].owner);
    }
    for (int32_t i = 0; i < texts->n_heaps; i++) {
        sli_heap_unref(texts->heaps[i]);
    }
    sli_heap_unref(texts->last);
    if (handed_out) {
        sli_buffer_unref(texts->chunk);
        texts->chunk = NULL;
    }
    texts->own_bytes = texts->chunk == NULL ? 0 : sli_buffer_size(texts->chunk);
    if (texts->n_slots > SLOTS_KEPT) { // one batch of many sources must not slow all later ones
        sl_free(texts->slots);
        texts->slots = NULL;
        texts->n_slots = 0;
    } else if (texts->n_used > 0) {
        memset(texts->slots, 0, (size_t)texts->n_slots * sizeof *texts->slots);
    }
    texts->n = texts->n_heaps = texts->n_used = 0;
    texts->last = NULL;
    texts->chunk_used = 0;
}

void sli_texts_reset(sli_texts *texts)
{
    sli_texts_clear(texts);
    sli_buffer_unref(texts->chunk);
    sl_free(texts->entries);
    sl_free(texts->heaps);
    sl_free(texts->slots);
    *texts = (sli_texts){0};
}
