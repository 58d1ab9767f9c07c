// The dead letters that lie in a checkpoint directory, for people or as JSON lines.
#include "api/host.h"
#include "sluice/tool.h"

typedef struct printing {
    sli_str *out;
    bool json;
    sli_encoder *encoder; ///< of JSON lines
} printing;

static void put_cell(sli_str *out, const char *before, const sl_batch *batch, const char *name,
                     int64_t row)
{
    const sl_schema *schema = sl_batch_schema(batch);
    int32_t i = sl_schema_find(schema, name);
    const sl_column *column = sl_batch_column(batch, i);
    if (!sl_column_is_null(column, row)) {
        sli_str_text(out, before);
        sli_print_cell(out, sl_schema_field(schema, i), column, row);
    }
}

/// Three lines a letter: where, why, what.
static void put_letter(sli_str *out, const sl_batch *batch, int64_t row)
{
    put_cell(out, "epoch ", batch, "epoch", row);
    put_cell(out, ", batch time ", batch, "batch_time", row);
    put_cell(out, ", source ", batch, "source", row);
    put_cell(out, ", partition ", batch, "partition", row);
    put_cell(out, ", row ", batch, "row", row);
    put_cell(out, ", held since epoch ", batch, "pane", row);
    put_cell(out, ", ", batch, "name", row);
    put_cell(out, " at byte ", batch, "offset", row);
    put_cell(out, ", line ", batch, "line", row);
    put_cell(out, "\n  operator ", batch, "operator", row);
    put_cell(out, "\n  ", batch, "code", row);
    put_cell(out, ": ", batch, "error", row);
    put_cell(out, "\n  ", batch, "record", row);
    put_cell(out, "\n  (base64) ", batch, "bytes", row);
    int32_t truncated = sl_schema_find(sl_batch_schema(batch), "truncated");
    bool is_cut = sl_column_bool(sl_batch_column(batch, truncated), row);
    sli_str_text(out, is_cut ? " (cut)\n" : "\n");
}

static sl_code print_letters(void *ctx, sl_batch *batch, sl_error *err)
{
    printing *p = ctx;
    if (p->json) {
        return sli_format_json.encode(p->encoder, batch, p->out, err);
    }
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        put_letter(p->out, batch, row);
    }
    return sli_str_check(p->out, "dead letters", err);
}

/// The files of the directory, in the order of their groups.
static sl_code read_letters(sl_env *env, const char *dir, sl_arena *arena, printing *p,
                            sl_error *err)
{
    sli_source_env of = {.env = env, .uid = "dead-letters", .interval_us = 1000000};
    sli_source *source = NULL;
    sli_ask ask = {.max_rows = INT64_MAX};
    sli_offer offer = {0};
    sli_decode_stats stats = {0};
    const char *url =
        sl_arena_printf(arena, "file:%s/dead?format=json&schema=%s", dir, sli_letter_schema);
    if (url == NULL) {
        return sl_error_nomem(err, strlen(dir), "a directory's name");
    }
    SL_TRY(sli_table_open(&source, url, &of, err));
    sl_code rc = source->ops->offer(source, &ask, arena, &offer, err);
    for (int32_t i = 0; rc == SL_OK && i < offer.n_splits; i++) {
        rc = source->ops->read(source, offer.range, i, print_letters, p, &stats, err);
    }
    sli_source_close(source);
    return rc;
}

static sl_code list(sl_env *env, const char *dir, sl_arena *arena, printing *p, sl_error *err)
{
    const sl_option *tables[] = {sli_format_json.options, NULL};
    sl_schema *schema = NULL;
    sl_conf *conf = NULL;
    sl_code rc = sl_schema_parse(&schema, sli_letter_schema, err);
    rc = rc == SL_OK ? sl_conf_new(&conf, "dead letters", tables, err) : rc;
    rc = rc == SL_OK ? sli_format_json.encoder_new(&p->encoder, conf, schema, err) : rc;
    rc = rc == SL_OK ? read_letters(env, dir, arena, p, err) : rc;
    if (p->encoder != NULL) {
        sli_format_json.encoder_free(p->encoder);
    }
    sl_conf_free(conf);
    sl_schema_unref(schema);
    return rc;
}

sl_code sl_checkpoint_letters(const char *dir, bool json, char **out, sl_error *err)
{
    sl_env *env = NULL;
    sli_ckpt_info info = {0};
    sl_error missing = SL_ERROR_INIT;
    sli_str text = {.tag = SLI_TAG_API};
    printing p = {.out = &text, .json = json};
    SL_TRY(sli_env_posix(&env, err));
    sl_arena *arena = sl_arena_new(SLI_TAG_API);
    sl_code rc = arena == NULL ? sl_error_nomem(err, 4096, "dead letters")
                               : sli_ckpt_inspect(env, dir, &info, err);
    if (rc == SL_OK) {
        rc = list(env, dir, arena, &p, &missing);
        if (rc == SL_E_NOT_FOUND) {
            rc = SL_OK; // no letter was ever put there
        } else if (rc != SL_OK && err != NULL) {
            *err = missing;
        }
    }
    sl_arena_free(arena);
    sli_env_free(env);
    if (rc != SL_OK) {
        sli_str_reset(&text);
        return rc;
    }
    *out = sli_str_take(&text);
    return *out == NULL ? sl_error_nomem(err, 256, "a text") : SL_OK;
}
