// The base of a store on disk is held while its files are made: nobody waits for the files but who
// wants to change the base.
#include "sl_test.h"

#include "env/sim.h"
#include "stream/engine_int.h"

/// A store whose files take until the gate opens.
typedef struct slow_store {
    sli_store head;
    sli_signal *gate;
    sl_code rc; ///< of the checkpoint
    int32_t n_made;
} slow_store;

static sl_code make_files(sli_store *self, const char *dir, sl_error *err)
{
    slow_store *slow = (slow_store *)self;
    (void)dir;
    SL_TRY(sli_signal_wait(slow->gate, SLI_FOREVER, err));
    slow->n_made++;
    return slow->rc == SL_OK ? SL_OK : sl_error_set(err, slow->rc, "planted");
}

static const sli_store_ops slow_ops = {
    .struct_size = sizeof slow_ops, .name = "slow", .checkpoint = make_files};

typedef struct bed {
    sli_world *world;
    sl_env *env;
    slow_store slow;
    sli_engine *engine;
} bed;

static void bed_open(bed *b)
{
    *b = (bed){.slow = {.head.ops = &slow_ops}};
    b->world = sli_world_new(&(sli_world_conf){.seed = 1});
    assert_non_null(b->world);
    assert_int_equal(sli_world_boot(b->world, NULL, &b->env, NULL), SL_OK);
    b->engine = sl_alloc_zero(SLI_TAG_TEST, sizeof *b->engine);
    assert_non_null(b->engine);
    b->slow.gate = sli_signal_new(b->env);
    b->engine->world = b->env;
    b->engine->store = &b->slow.head;
    b->engine->compactor = sli_strand_new(b->env, "sl-compactor");
    b->engine->hold.released = sli_signal_new(b->env);
}

static void bed_close(bed *b)
{
    sli_strand_free(b->engine->compactor);
    sli_signal_free(b->engine->hold.released);
    sli_signal_free(b->slow.gate);
    sl_free(b->engine);
    sli_env_free(b->env);
    sli_world_free(b->world);
}

static void open_gate(void *ctx)
{
    sli_signal_set(((bed *)ctx)->slow.gate);
}

SL_TEST(a_base_whose_files_are_being_made_is_waited_for_by_who_changes_it, "EXACTLY-ONCE-1")
{
    bed b;
    bed_open(&b);
    assert_int_equal(sli_hold_wait(b.engine, NULL), SL_OK); // nobody holds it
    for (int32_t group = 1; group <= 2; group++) {
        int64_t opens_us = sli_world_mono_us(b.world) + 20000;
        assert_int_equal(sli_world_at(b.world, opens_us, open_gate, &b, NULL), SL_OK);
        assert_int_equal(sli_hold_begin(b.engine, group, NULL), SL_OK);
        assert_int_equal(b.slow.n_made, group - 1); // the driver goes on
        assert_true(sli_world_mono_us(b.world) < opens_us);
        assert_int_equal(sli_hold_wait(b.engine, NULL), SL_OK);
        assert_int_equal(b.slow.n_made, group);
        assert_true(sli_world_mono_us(b.world) >= opens_us);
        assert_int_equal(sli_hold_wait(b.engine, NULL), SL_OK);
    }
    bed_close(&b);
}

SL_TEST(files_that_can_not_be_made_let_the_base_go_and_are_told, "ERRORS-5")
{
    bed b;
    bed_open(&b);
    b.slow.rc = SL_E_NO_SPACE;
    open_gate(&b);
    assert_int_equal(sli_hold_begin(b.engine, 3, NULL), SL_OK);
    assert_int_equal(sli_hold_wait(b.engine, NULL), SL_OK);
    assert_int_equal(b.engine->hold.rc, SL_E_NO_SPACE);
    SL_CHECK_TEXT(b.engine->hold.error.text, "state after group 3: planted");
    b.slow.rc = SL_OK; // the next one is none the worse
    open_gate(&b);
    assert_int_equal(sli_hold_begin(b.engine, 4, NULL), SL_OK);
    assert_int_equal(sli_hold_wait(b.engine, NULL), SL_OK);
    assert_int_equal(b.engine->hold.rc, SL_OK);
    bed_close(&b);
}
