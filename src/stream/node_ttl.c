// Keys that nobody updates: the setting, and the time that is stored with a key's state.
//
// The time is in the operator and not in the store, because only the operator knows what an update
// is (here: values came), and because it must not cost a second entry a key. It is the first cell
// of the stored row, so that it is a column of snapshots like any other, and deltas, both stores
// and moves between them need to know nothing of it.
#include "sluice/ttl.h"

#include "base/bytes.h"
#include "stream/node_state.h"

// ---------------------------------------------------------------- the setting

/// The stored rows' schema: the time, then the state.
static sl_code set_stored(sli_state_def *def, sl_error *err)
{
    sl_schema *stored = NULL;
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_str_printf(&text, "%s, %s", SLI_TTL_COLUMN, sl_schema_text(def->state_schema));
    sl_code rc = sli_str_check(&text, "a schema", err);
    if (rc == SL_OK) {
        rc = sl_schema_parse(&stored, text.data, err);
    }
    sli_str_reset(&text);
    if (rc == SL_OK) {
        sl_schema_unref(def->stored_schema);
        def->info.values = def->stored_schema = stored;
    }
    return rc;
}

sl_code sli_duration_parse(const char *what, const char *text, int64_t *out_us, sl_error *err)
{
    if (text == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the %s is NULL", what);
    }
    SL_TRY(sl_error_wrap(err, sli_scan_duration_us(sli_text_of(text), out_us, err), "%s '%.40s'",
                         what, text));
    return *out_us > 0 ? SL_OK
                       : sl_error_set(err, SL_E_INVALID, "%s '%.40s': it is longer than nothing",
                                      what, text);
}

sl_code sli_ttl_set(sli_state_def *def, const char *what, const char *text, sl_error *err)
{
    int64_t us = 0;
    SL_TRY(sli_duration_parse(what, text, &us, err));
    SL_TRY(set_stored(def, err));
    def->ttl_us = us;
    return SL_OK;
}

static sl_code set_ttl(const sl_stream *stream, const char *ttl, sl_error *err)
{
    sli_update_body *body = sli_node_update(stream);
    return body == NULL ? sl_error_set(err, SL_E_INVALID,
                                       "it keeps no state by key: only updateStateByKey has a ttl")
                        : sli_ttl_set(&body->def, "ttl", ttl, err);
}

sl_stream *sl_stream_ttl(sl_stream *stream, const char *ttl)
{
    if (stream == NULL || !sli_graph_is_open(stream->graph)) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = set_ttl(stream, ttl, &err);
    if (rc != SL_OK) {
        sli_node_mistake(stream, rc, &err);
        return NULL;
    }
    return stream;
}

int64_t sli_node_ttl(const sl_stream *node)
{
    const sli_update_body *body = sli_node_update(node);
    return body == NULL ? 0 : body->def.ttl_us;
}

// ---------------------------------------------------------------- the cell

void sli_ttl_put(const sli_state_def *def, sli_str *out, int64_t updated_us)
{
    if (def->ttl_us == 0) {
        return;
    }
    bool known = updated_us != SLI_TTL_UNKNOWN;
    sli_put_u8(out, known);
    if (known) {
        sli_put_i64(out, updated_us);
    }
}

sl_code sli_ttl_split(const sli_state_def *def, sl_bytes stored, int64_t *updated_us,
                      sl_bytes *state, sl_error *err)
{
    sli_reader r = sli_reader_of(stored);
    *updated_us = SLI_TTL_UNKNOWN;
    if (def->ttl_us > 0 && sli_get_u8(&r) != 0) {
        *updated_us = sli_get_i64(&r);
    }
    if (r.bad) {
        return sl_error_set(err, SL_E_CORRUPT, "a stored state of %s ends in its time",
                            def->info.uid);
    }
    *state = (sl_bytes){r.at, (size_t)(r.end - r.at)};
    return SL_OK;
}

bool sli_ttl_is_over(const sli_state_def *def, int64_t updated_us, int64_t now_us)
{
    return updated_us != SLI_TTL_UNKNOWN && now_us > updated_us &&
           now_us - updated_us > def->ttl_us;
}
