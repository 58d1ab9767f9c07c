// The model as a whole: epochs one after the other.
#include "model/event.h"

#include <stdlib.h>
#include <string.h>

#include "model/model.h"

void slt_event_epoch(slt_event_model *m, int64_t batch_time, const slt_event_rows *in)
{
    m->epoch++;
    m->batch_time = batch_time;
    slt_event_watermarks(m);
    for (int32_t i = 0; i < m->n_nodes; i++) {
        m->out[i].n = 0;
        if (m->nodes[i].kind == SLT_EV_SOURCE) {
            m->out[i] = in[m->nodes[i].a];
        } else {
            slt_event_run(m, i);
        }
    }
    slt_event_observe(m);
}

void slt_event_restart(slt_event_model *m)
{
    m->since = SLT_NO_TIME;
}

char *slt_event_text(const slt_event_model *m, int32_t node)
{
    const char *out = m->memory[node].out;
    return slt_model_sorted(out == NULL ? "" : out);
}

void slt_event_forget(slt_event_model *m)
{
    m->epoch = 0;
    m->since = SLT_NO_TIME;
    for (int32_t i = 0; i < SLT_EVENT_NODES; i++) {
        free(m->memory[i].out);
        m->memory[i] = (slt_event_memory){.aside_latest = SLT_NO_TIME,
                                          .aside_seen = SLT_NO_TIME,
                                          .watermark = SLT_NO_TIME,
                                          .at = SLT_NO_TIME,
                                          .before = SLT_NO_TIME};
    }
}
