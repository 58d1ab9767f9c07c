/// reload.c — a spilled block's way back into memory, while somebody reads it.
///
/// Room for the whole block is reserved before the first byte is read, and never by evicting
/// others: a block that is read from time to time has no better claim than those in memory, and a
/// scan over more than fits would else push out with each block the one that it needs next. The
/// batches that are read pin whole frames of the file, so compact copies are kept, of the size that
/// was counted. Without room or memory the reader goes on; the block just stays where it is.
#include "block/block_int.h"

enum { FIRST_CAPACITY = 8 };

static sli_content *resize(sli_content *content, int32_t capacity)
{
    return sl_realloc(SLI_TAG_BLOCK, content,
                      sizeof *content + (size_t)capacity * sizeof(sl_batch *));
}

static void give_up(sli_reload *self)
{
    sli_content_free(self->content);
    self->content = NULL;
    sli_budget_release(self->budget, self->reserved_bytes);
    self->reserved_bytes = 0;
}

bool sli_reload_begin(sli_reload *self, sli_budget *budget, int64_t bytes, sli_batch_fn each,
                      void *ctx)
{
    *self = (sli_reload){.budget = budget, .each = each, .ctx = ctx};
    if (!sli_budget_reserve(budget, bytes, false)) {
        return false;
    }
    self->reserved_bytes = bytes;
    self->content = resize(NULL, FIRST_CAPACITY);
    if (self->content == NULL) {
        give_up(self);
        return false;
    }
    self->capacity = FIRST_CAPACITY;
    self->content->n = 0;
    self->content->bytes = 0;
    return true;
}

/// Copies one more batch into the content. False without memory.
static bool keep(sli_reload *self, const sl_batch *batch)
{
    sl_batch *copy = NULL;
    if (self->content->n == self->capacity) {
        sli_content *larger = resize(self->content, self->capacity * 2);
        if (larger == NULL) {
            return false;
        }
        self->content = larger;
        self->capacity *= 2;
    }
    if (sli_batch_compact(batch, &copy, NULL) != SL_OK) {
        return false;
    }
    self->content->batches[self->content->n++] = copy;
    self->content->bytes += sl_batch_bytes(copy);
    return true;
}

sl_code sli_reload_show(void *ctx, const sl_batch *batch, sl_error *err)
{
    sli_reload *self = ctx;
    if (self->content != NULL && !keep(self, batch)) {
        give_up(self);
    }
    return self->each(self->ctx, batch, err);
}

sli_content *sli_reload_end(sli_reload *self, bool whole)
{
    sli_content *content = self->content;
    if (content == NULL) {
        return NULL;
    }
    int64_t more = content->bytes - self->reserved_bytes;
    if (!whole || (more > 0 && !sli_budget_reserve(self->budget, more, false))) {
        give_up(self);
        return NULL;
    }
    if (more < 0) {
        sli_budget_release(self->budget, -more);
    }
    self->content = NULL;
    return content;
}
