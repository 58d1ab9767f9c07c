/// buffer.c — shared bytes with a reference count, and heaps: the lists of data buffers that string
/// columns share.

#include "col/col_int.h"

#include <string.h>

struct sli_buffer {
    _Atomic int64_t refs;
    int64_t size;
    const char *data;
    void (*release)(void *ctx); ///< NULL: the bytes follow this header in the same block
    void *ctx;
};

enum { HEADER = 64 }; // so that the bytes behind it are 64-byte aligned too
_Static_assert(sizeof(sli_buffer) <= HEADER, "the header of a buffer fits its place");

sli_buffer *sli_buffer_new(int64_t size_bytes)
{
    if (size_bytes < 0 || size_bytes > INT64_MAX - 4 * HEADER) {
        return NULL;
    }
    size_t size = (size_t)size_bytes;
    sli_buffer *buffer = sl_alloc_aligned(SLI_TAG_BATCH, HEADER + size + SLI_BUFFER_PAD);
    if (buffer == NULL) {
        return NULL;
    }
    char *data = (char *)buffer + HEADER;
    memset(data + size, 0, SLI_BUFFER_PAD);
    buffer->size = size_bytes;
    buffer->data = data;
    buffer->release = NULL;
    buffer->ctx = NULL;
    atomic_init(&buffer->refs, 1);
    return buffer;
}

sli_buffer *sli_buffer_wrap(const void *data, int64_t size_bytes, bool padded,
                            void (*release)(void *ctx), void *ctx)
{
    (void)padded; // no kernel here reads past the end; the promise is kept for those that will
    sli_buffer *buffer = sl_alloc(SLI_TAG_BATCH, sizeof *buffer);
    if (buffer == NULL) {
        return NULL;
    }
    buffer->size = size_bytes;
    buffer->data = data;
    buffer->release = release;
    buffer->ctx = ctx;
    atomic_init(&buffer->refs, 1);
    return buffer;
}

sli_buffer *sli_buffer_ref(const sli_buffer *buffer)
{
    sli_buffer *self = SLI_UNCONST(sli_buffer, buffer);
    atomic_fetch_add_explicit(&self->refs, 1, memory_order_relaxed);
    return self;
}

void sli_buffer_unref(const sli_buffer *buffer)
{
    sli_buffer *self = SLI_UNCONST(sli_buffer, buffer);
    // release: our reads and writes come before the free; acquire: the free comes after everybody's
    if (self == NULL || atomic_fetch_sub_explicit(&self->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (self->release != NULL) {
        self->release(self->ctx);
    }
    sl_free(self);
}

char *sli_buffer_data(sli_buffer *buffer)
{
    return SLI_UNCONST(char, buffer->data);
}

const char *sli_buffer_bytes(const sli_buffer *buffer)
{
    return buffer->data;
}

int64_t sli_buffer_size(const sli_buffer *buffer)
{
    return buffer->size;
}

void sli_buffer_claim(sli_buffer *buffer, int64_t size_bytes)
{
    buffer->size = size_bytes;
}

sli_heap *sli_heap_new(int32_t n)
{
    size_t each = sizeof(const char *) + sizeof(sli_buffer *) + sizeof(int64_t);
    sli_heap *heap = sl_alloc_zero(SLI_TAG_BATCH, sizeof *heap + (size_t)n * each);
    if (heap == NULL) {
        return NULL;
    }
    heap->n = n;
    heap->sizes = (int64_t *)(void *)(heap->data + n);
    heap->owners = (sli_buffer **)(void *)(heap->sizes + n);
    atomic_init(&heap->refs, 1);
    return heap;
}

sli_heap *sli_heap_ref(sli_heap *heap)
{
    atomic_fetch_add_explicit(&heap->refs, 1, memory_order_relaxed);
    return heap;
}

void sli_heap_unref(sli_heap *heap)
{
    if (heap == NULL || atomic_fetch_sub_explicit(&heap->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (int32_t i = 0; i < heap->n; i++) {
        sli_buffer_unref(heap->owners[i]);
    }
    sl_free(heap);
}
