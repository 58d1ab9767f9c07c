/// fixture_test.h — receivers in the simulated world: a fake source hands over bytes as the test
/// says.
#pragma once

#include "env/sim.h"
#include "ingest/ingest_int.h"

typedef struct fake {
    sli_source base;
    sli_source_ops ops; ///< its own
    sl_schema *schema;
    sl_conf *conf;
    sli_receive_fn take;
    void *ctx;
    int32_t resumed;
    bool ended;
    int64_t settled; ///< bytes that it was told are durable
} fake;

/// One life of an ingest with one receiver.
typedef struct life {
    sl_env *env;
    sl_conf *conf;
    sli_budget *budget;
    sli_metrics *metrics;
    sli_loop *loop;
    sli_ckpt *ckpt;
    sli_ingest *ingest;
    fake *source;
    sli_source *input;
    sl_arena *arena;
    sl_code rc;
    sl_error error;
} life;

/// `settings` of the ingest, and of the text format that the source's bytes are in. `messages`: the
/// source gives messages with these cells; NULL: lines.
life begin_life_of(sli_world *world, const sli_fault *fault, bool checkpoint, const char *settings,
                   const char *format_settings, const sli_message_column *messages);
life begin_life(sli_world *world, const sli_fault *fault, bool checkpoint, const char *settings);
void end_life(life *l);
bool give(life *l, const char *text, sli_tail tail);
/// Lets io and the wal strand work for a while of virtual time.
void work(life *l);
/// The next epoch's range (copied into the arena) and its rows, split by split: cell 0 of each and
/// a
/// ';'.
sl_bytes offer_and_read(life *l, int64_t max_rows, sli_str *rows);
sl_code add_rows(void *ctx, sl_batch *batch, sl_error *err); ///< sli_emit_fn
sli_world *new_world(void);
