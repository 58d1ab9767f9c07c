/// listen.h — what the engine tells the program's listeners (sluice/listener.h).
///
/// Whether anybody listens is asked once a step, and kept in engine->listens: the calls about an
/// epoch are made only then, so that without a listener there is nothing to pay. Thread: driver.
#pragma once

#include "stream/engine_int.h"

/// Once the inputs are open.
sl_code sli_listen_open(sli_engine *engine, sl_error *err);
/// Between epochs: begins or ends to listen, as listeners have come or gone.
void sli_listen_step(sli_engine *engine);
void sli_listen_started(sli_engine *engine);
/// What receivers have told so far goes out; none of their events is followed any more.
void sli_listen_close(sli_engine *engine);

// One epoch: begin, planned, { output, output_done }, end. An epoch without a plan is not told of,
// as a batch that Spark could not generate is not.
void sli_listen_begin(sli_engine *engine, int64_t time_us, const sli_timing *at);
void sli_listen_planned(sli_engine *engine, const sli_timing *at);
void sli_listen_output(sli_engine *engine, int32_t output);
void sli_listen_output_done(sli_engine *engine, int32_t output, sl_code rc, const sl_error *error);
/// `error` NULL: it went well.
void sli_listen_end(sli_engine *engine, int64_t rows_in, const sli_timing *at,
                    const sl_error *error);
