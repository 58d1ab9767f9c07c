// Poison records: what the user may choose, and where letters go.
//
// The letters' output stands behind the user's in the graph's list and is sealed, committed and
// recovered as they are. It is in no node and not in the graph's text: letters are a setting of the
// run, not a part of the job. A group without letters has no share in it, so it costs nothing.
#include "stream/poison.h"

const sl_option sli_poison_options[] = {
    {.name = "poison",
     .type = SL_OPT_CHOICE,
     .fallback = "fail",
     .choices = "fail|dead-letter",
     .flags = SL_OPT_RESULT,
     .text = "A record that makes user code or an expression fail: fail ends the epoch, "
             "dead-letter leaves it out and tells of it in poison.sink."},
    {.name = "poison.max",
     .type = SL_OPT_INT,
     .fallback = "100",
     .low = "1",
     .high = "10000",
     .flags = SL_OPT_RESULT,
     .text = "Dead letters an epoch may have; with more it fails."},
    {.name = "poison.max_share",
     .type = SL_OPT_FLOAT,
     .fallback = "1",
     .low = "0",
     .high = "1",
     .flags = SL_OPT_RESULT,
     .text = "Share of an epoch's records that may be dead letters, at least one of them; with "
             "more it fails."},
    {.name = "poison.sink",
     .type = SL_OPT_TEXT,
     .text = "Where dead letters go, as the URL of a sink; default: JSON lines in dead/ of the "
             "checkpoint directory. Needed without a checkpoint."},
    {0},
};

static const sli_node_ops letters_ops = {.kind = "deadLetters"};
static char letters_uid[] = "dead-letters";

// ---------------------------------------------------------------- where letters go

static sl_code default_url(const sli_engine *engine, char **out, sl_error *err)
{
    const char *dir = sl_conf_text(engine->env.conf, "checkpoint");
    if (engine->ckpt == NULL) {
        return sl_error_set(err, SL_E_CONFIG,
                            "poison=dead-letter needs a place for the letters: set poison.sink, as "
                            "file:/var/dead?format=json, or a checkpoint directory");
    }
    if (strchr(dir, '?') != NULL) {
        return sl_error_set(err, SL_E_CONFIG,
                            "the checkpoint directory has a '?' in its name: set poison.sink");
    }
    *out = sl_arena_printf(engine->job_arena, "file:%s/dead?format=json", dir);
    return *out == NULL ? sl_error_nomem(err, strlen(dir), "the sink of dead letters") : SL_OK;
}

static sl_code sink_url(const sli_engine *engine, char **out, sl_error *err)
{
    const char *url = sl_conf_text(engine->env.conf, "poison.sink");
    if (url == NULL || url[0] == '\0') {
        return default_url(engine, out, err);
    }
    *out = sl_arena_strdup(engine->job_arena, url);
    return *out == NULL ? sl_error_nomem(err, strlen(url), "the sink of dead letters") : SL_OK;
}

static sl_code add_output(sli_poison *poison, sl_error *err)
{
    sl_graph *graph = poison->engine->graph;
    sli_output output = {
        .kind = SLI_OUT_SINK, .verb = "dead-letter", .uid = letters_uid, .is_letters = true};
    SL_TRY(sink_url(poison->engine, &output.url, err));
    SL_TRY(sl_schema_parse(&poison->node.schema, sli_letter_schema, err));
    poison->node.ops = &letters_ops;
    poison->node.uid = letters_uid;
    output.input = &poison->node;
    SL_TRY(sli_graph_add_output(graph, &output, err));
    poison->output = graph->n_outputs - 1;
    return SL_OK;
}

// ---------------------------------------------------------------- life

sl_code sli_poison_open(sli_engine *engine, sl_error *err)
{
    const sl_conf *conf = engine->env.conf;
    if (sl_conf_choice(conf, "poison") == 0) {
        return SL_OK;
    }
    sli_poison *poison = sl_alloc_zero(SLI_TAG_STREAM, sizeof *poison);
    if (poison == NULL) {
        return sl_error_nomem(err, sizeof *poison, "the policy of poison records");
    }
    engine->poison = poison;
    poison->engine = engine;
    poison->output = -1;
    poison->max = sl_conf_int64(conf, "poison.max");
    poison->max_share = sl_conf_float64(conf, "poison.max_share");
    const sl_option *tables[] = {sli_format_json.options, NULL};
    SL_TRY(sl_conf_new(&poison->json_conf, "dead letters", tables, err));
    return add_output(poison, err);
}

void sli_poison_close(sli_engine *engine)
{
    sli_poison *poison = engine->poison;
    if (poison == NULL) {
        return;
    }
    if (poison->output >= 0) {
        engine->graph->n_outputs = poison->output;
    }
    sli_blame_reset(&poison->blame);
    sl_schema_unref(poison->node.schema);
    sl_conf_free(poison->json_conf);
    sl_free(poison);
    engine->poison = NULL;
}

void sli_poison_begin(sli_poison *poison)
{
    sli_blame_reset(&poison->blame);
    poison->dead_before = sli_sched_dead(poison->engine->env.sched);
    poison->first = NULL;
    poison->held = NULL;
    poison->n_held = 0;
    poison->sources = poison->windows = (sli_verdict){0};
    poison->letters = NULL;
    poison->n_letters = poison->letter_capacity = 0;
    poison->begun_us = poison->n_trials = 0;
    poison->is_told = false;
}
