/// mem.h — the one door to memory.
///
/// Every allocation has a tag that says whose it is; counts per tag serve leak reports and
/// `status`. Memory is 16-byte aligned. In debug builds a block always moves when it grows and
/// freed bytes are overwritten. The counters are the library's one piece of process-wide state, as
/// malloc's own are. Thread: any, unless said otherwise.
#pragma once

#include "base/assert.h"
#include "sluice/error.h"

typedef enum sli_tag {
    SLI_TAG_OTHER = 0,
    SLI_TAG_BASE,
    SLI_TAG_ENV,
    SLI_TAG_CONF,
    SLI_TAG_METRICS,
    SLI_TAG_BATCH,
    SLI_TAG_EXPR,
    SLI_TAG_FS,
    SLI_TAG_FORMAT,
    SLI_TAG_SOURCE,
    SLI_TAG_SINK,
    SLI_TAG_INGEST,
    SLI_TAG_RDD,
    SLI_TAG_SCHED,
    SLI_TAG_EXEC,
    SLI_TAG_BLOCK,
    SLI_TAG_STATE,
    SLI_TAG_CKPT,
    SLI_TAG_STREAM,
    SLI_TAG_API,
    SLI_TAG_SQL,
    SLI_TAG_ARENA,
    SLI_TAG_TEST,
    SLI_N_TAGS,
} sli_tag;

/// The largest block: 512 GiB. A bigger request is a mistake or damaged input, and is refused like
/// any other.
#define SLI_ALLOC_MAX_BYTES ((size_t)1 << 39)

/// NULL when refused; `size` 0 gives a valid pointer. Never zeroed unless `sl_alloc_zero`.
void *sl_alloc(sli_tag tag, size_t size) SL_MUST_USE;
void *sl_alloc_zero(sli_tag tag, size_t size) SL_MUST_USE;
/// n * size bytes, zeroed; NULL on overflow.
void *sl_alloc_array(sli_tag tag, size_t n, size_t size) SL_MUST_USE;
/// 64-byte aligned and padded to 64 bytes, as Arrow wants. Free with sl_free.
void *sl_alloc_aligned(sli_tag tag, size_t size) SL_MUST_USE;
/// Keeps the old block when it returns NULL. `p` may be NULL. Not for aligned blocks.
void *sl_realloc(sli_tag tag, void *p, size_t size) SL_MUST_USE;
/// The same for blocks of sl_alloc_aligned.
void *sl_realloc_aligned(sli_tag tag, void *p, size_t size) SL_MUST_USE;
void sl_free(void *p); ///< accepts NULL
/// A copy ended by a zero.
char *sl_strdup(sli_tag tag, const char *text) SL_MUST_USE;
char *sl_strndup(sli_tag tag, const char *text, size_t size) SL_MUST_USE;

/// SL_ERROR_INIT without writing the whole text: for what every tick passes.
static inline void sli_error_clear(sl_error *err)
{
    err->code = SL_OK;
    err->action = SL_ACT_DEFAULT;
    err->sys_errno = 0;
    err->text[0] = '\0';
}
/// SL_E_NOMEM with the size and what for. For `if (p == NULL) return sl_error_nomem(err, size,
/// "word table");`
sl_code sl_error_nomem(sl_error *err, size_t size, const char *what);

/// Gives pages of freed memory back to the system, also those between blocks in use, which free()
/// keeps: what was written to disk to save memory would stay resident else. Takes milliseconds a
/// hundred MiB. Thread: any.
void sli_mem_trim(void);
/// Bytes allocated now under `tag`, over all threads; -1 stands for all tags.
int64_t sli_mem_used(int tag);
const char *sli_tag_name(sli_tag tag);

/// Tests: the n-th allocation from now (1 = next) made by this thread fails, once; 0 switches it
/// off.
void sli_mem_fail_nth(int64_t n);
/// Tests: allocations made by this thread since sli_mem_fail_nth was last called.
int64_t sli_mem_count(void);

/// The one memory budget of a context: cached, received and shuffled blocks, outboxes and state are
/// counted in it. Going over is the caller's decision: reserve with `force`, or evict, spill and
/// slow the sources first.
typedef struct sli_budget sli_budget;
sli_budget *sli_budget_new(int64_t limit_bytes);   ///< one reference; NULL without memory
void sli_budget_free(SL_TAKES sli_budget *budget); ///< asserts that nothing is reserved
/// False when it would go over the limit and `force` is false. `bytes` >= 0.
bool sli_budget_reserve(sli_budget *budget, int64_t bytes, bool force);
void sli_budget_release(sli_budget *budget, int64_t bytes);
int64_t sli_budget_used(const sli_budget *budget);
int64_t sli_budget_peak(const sli_budget *budget);
int64_t sli_budget_limit(const sli_budget *budget);
