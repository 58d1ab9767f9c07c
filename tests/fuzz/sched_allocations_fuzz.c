// sched_allocations_fuzz.c — any bytes as Spark's allocation file, and a good one with edits. What
// is told of a pool lies in the file's bytes.
#include "edits.h"
#include "sched/allocations.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char good[] = "<?xml version=\"1.0\"?>\n<allocations>\n<!-- a -->\n"
                           "<pool name=\"fast\">\n<schedulingMode>FAIR</schedulingMode>\n"
                           "<weight>3</weight><minShare>1</minShare></pool>\n"
                           "<pool name='slow'/></allocations>";

static sl_code check_pool(void *ctx, const sli_allocation *pool, sl_error *err)
{
    const sl_text *bytes = ctx;
    (void)err;
    SL_ASSERT(pool->name.size > 0 && pool->line > 0, "a pool has a name and a place");
    SL_ASSERT(pool->name.data >= bytes->data &&
                  pool->name.data + pool->name.size <= bytes->data + bytes->size,
              "names lie in the file");
    return SL_OK;
}

static void read_all(sl_text bytes)
{
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sli_allocations_each(bytes, check_pool, &bytes, &err);
    SL_ASSERT(rc == SL_OK || (rc == SL_E_CONFIG && strncmp(err.text, "line ", 5) == 0),
              "refused with a line");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    read_all((sl_text){(const char *)data, size});
    sli_str bytes = SLI_STR_INIT;
    sli_str_text(&bytes, good);
    slt_edit(&bytes, data, size);
    read_all((sl_text){bytes.data, bytes.size});
    sli_str_reset(&bytes);
    return 0;
}
