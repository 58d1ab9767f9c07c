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
static sl_code set_stored(sli_update_body *body, sl_error *err)
{
    sl_schema *stored = NULL;
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_str_printf(&text, "%s, %s", SLI_TTL_COLUMN, sl_schema_text(body->state_schema));
    sl_code rc = sli_str_check(&text, "a schema", err);
    if (rc == SL_OK) {
        rc = sl_schema_parse(&stored, text.data, err);
    }
    sli_str_reset(&text);
    if (rc == SL_OK) {
        sl_schema_unref(body->stored_schema);
        body->info.values = body->stored_schema = stored;
    }
    return rc;
}

static sl_code set_ttl(const sl_stream *stream, const char *ttl, sl_error *err)
{
    sli_update_body *body = sli_node_update(stream);
    int64_t us = 0;
    if (body == NULL) {
        return sl_error_set(err, SL_E_INVALID,
                            "it keeps no state by key: only updateStateByKey has a ttl");
    }
    if (ttl == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the ttl is NULL");
    }
    SL_TRY(
        sl_error_wrap(err, sli_scan_duration_us(sli_text_of(ttl), &us, err), "ttl '%.40s'", ttl));
    if (us == 0) {
        return sl_error_set(err, SL_E_INVALID, "ttl '%.40s': it is longer than nothing", ttl);
    }
    SL_TRY(set_stored(body, err));
    body->ttl_us = us;
    return SL_OK;
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
    return body == NULL ? 0 : body->ttl_us;
}

// ---------------------------------------------------------------- the cell

void sli_ttl_put(const sli_update_body *body, sli_str *out, int64_t updated_us)
{
    if (body->ttl_us == 0) {
        return;
    }
    bool known = updated_us != SLI_TTL_UNKNOWN;
    sli_put_u8(out, known);
    if (known) {
        sli_put_i64(out, updated_us);
    }
}

sl_code sli_ttl_split(const sli_update_body *body, sl_bytes stored, int64_t *updated_us,
                      sl_bytes *state, sl_error *err)
{
    sli_reader r = sli_reader_of(stored);
    *updated_us = SLI_TTL_UNKNOWN;
    if (body->ttl_us > 0 && sli_get_u8(&r) != 0) {
        *updated_us = sli_get_i64(&r);
    }
    if (r.bad) {
        return sl_error_set(err, SL_E_CORRUPT, "a stored state of %s ends in its time",
                            body->info.uid);
    }
    *state = (sl_bytes){r.at, (size_t)(r.end - r.at)};
    return SL_OK;
}

bool sli_ttl_is_over(const sli_update_body *body, int64_t updated_us, int64_t now_us)
{
    return updated_us != SLI_TTL_UNKNOWN && now_us > updated_us &&
           now_us - updated_us > body->ttl_us;
}
