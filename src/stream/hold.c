// Keeping the state after a group while the stream goes on.
//
// A store on disk takes some ten milliseconds to bring what it has in memory into files. The
// compactor does that, and the tasks of the next epoch read the base meanwhile. What must not
// happen is a change of the base: its files would hold rows of later epochs, which are not yet on
// record. So the base is *held* from the close of the group until its files are made, and an epoch
// that ends sooner waits with its changes. Whatever that epoch does before is done at the same
// time.
#include "stream/engine_int.h"

static void keep_on_compactor(void *ctx)
{
    sli_engine *engine = ctx;
    sli_hold *hold = &engine->hold;
    hold->rc = sli_state_keep(engine, hold->group, &hold->error);
    // Release: pairs with the acquire load in sli_hold_wait; the base is the driver's again.
    atomic_store_explicit(&hold->is_held, false, memory_order_release);
    sli_signal_set(hold->released);
}

sl_code sli_hold_begin(sli_engine *engine, int64_t group, sl_error *err)
{
    sli_hold *hold = &engine->hold;
    SL_ASSERT(!hold->is_held, "a snapshot is due only when none is under way");
    hold->group = group;
    hold->error = SL_ERROR_INIT;
    atomic_store_explicit(&hold->is_held, true, memory_order_relaxed); // the post publishes it
    if (!sli_strand_post(engine->compactor, keep_on_compactor, engine)) {
        atomic_store_explicit(&hold->is_held, false, memory_order_relaxed);
        return sl_error_set(err, SL_E_NOMEM, "no room to keep the state after group %lld",
                            (long long)group);
    }
    return SL_OK;
}

sl_code sli_hold_wait(sli_engine *engine, sl_error *err)
{
    sli_hold *hold = &engine->hold;
    while (atomic_load_explicit(&hold->is_held, memory_order_acquire)) {
        SL_TRY(sli_signal_wait(hold->released, SLI_FOREVER, err));
    }
    return SL_OK;
}
