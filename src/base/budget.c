/// budget.c — one number that all big holders of memory count in.
///
/// Lock-free: reservations come from every worker for every block. The count is exact at each
/// moment; whether to evict, spill or wait when it is full is the caller's decision.
#include "base/mem.h"

#include <stdatomic.h>

struct sli_budget {
    int64_t limit_bytes; ///< never changes
    // Relaxed, both: the numbers guard no other memory; the block table's lock orders the blocks
    // themselves.
    _Atomic int64_t used_bytes;
    _Atomic int64_t peak_bytes;
};

sli_budget *sli_budget_new(int64_t limit_bytes)
{
    SL_ASSERT(limit_bytes >= 0, "a budget is not negative");
    sli_budget *budget = sl_alloc_zero(SLI_TAG_BASE, sizeof(*budget));
    if (budget != NULL) {
        budget->limit_bytes = limit_bytes;
        atomic_init(&budget->used_bytes, 0);
        atomic_init(&budget->peak_bytes, 0);
    }
    return budget;
}

void sli_budget_free(sli_budget *budget)
{
    if (budget == NULL) {
        return;
    }
    SL_ASSERT(sli_budget_used(budget) == 0, "a budget is freed while memory is reserved in it");
    sl_free(budget);
}

static void raise_peak(sli_budget *budget, int64_t used)
{
    int64_t peak = atomic_load_explicit(&budget->peak_bytes, memory_order_relaxed);
    while (used > peak &&
           !atomic_compare_exchange_weak_explicit(&budget->peak_bytes, &peak, used,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

bool sli_budget_reserve(sli_budget *budget, int64_t bytes, bool force)
{
    SL_ASSERT(bytes >= 0, "a reservation is not negative");
    int64_t used = atomic_load_explicit(&budget->used_bytes, memory_order_relaxed);
    int64_t sum = 0;
    do {
        bool overflow = __builtin_add_overflow(used, bytes, &sum);
        if (!force && (overflow || sum > budget->limit_bytes)) {
            return false;
        }
        SL_ASSERT(!overflow, "more than 2^63 bytes are reserved");
    } while (!atomic_compare_exchange_weak_explicit(&budget->used_bytes, &used, sum,
                                                    memory_order_relaxed, memory_order_relaxed));
    raise_peak(budget, sum);
    return true;
}

void sli_budget_release(sli_budget *budget, int64_t bytes)
{
    SL_ASSERT(bytes >= 0, "a release is not negative");
    int64_t before = atomic_fetch_sub_explicit(&budget->used_bytes, bytes, memory_order_relaxed);
    SL_ASSERT(before >= bytes, "more is released than was reserved");
}

int64_t sli_budget_used(const sli_budget *budget)
{
    return atomic_load_explicit(&budget->used_bytes, memory_order_relaxed);
}

int64_t sli_budget_peak(const sli_budget *budget)
{
    return atomic_load_explicit(&budget->peak_bytes, memory_order_relaxed);
}

int64_t sli_budget_limit(const sli_budget *budget)
{
    return budget->limit_bytes;
}
