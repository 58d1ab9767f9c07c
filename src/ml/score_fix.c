// Which content of a model's file an epoch uses.
//
// Before an epoch is planned its file is looked at. Another content is read whole, opened and
// compared with the shape that the job was defined with, and its bytes are put into the checkpoint:
// only then it counts. In all other cases (half written, garbage, gone, another shape, no room) the
// content in use goes on, is said so once for each such content, and the next epoch looks again.
//
//     base, p->last   what the epoch before used       ─► look ─► adopt ─► keep ─► PLAN
//     recorded        what the PLAN of an epoch that is run again says: opened from the checkpoint
#include "ml/score_int.h"

#include "base/bytes.h"
#include "ckpt/ckpt.h"

const sli_metric_info sli_score_metrics[] = {
    {"sluice_model_number", SLI_GAUGE, "model", "number",
     "How many contents of its file the model has used, with the one in use."},
    {"sluice_model_changes_total", SLI_COUNTER, "model", "times",
     "Times that a replaced file was taken into use."},
    {"sluice_model_refused_total", SLI_COUNTER, "model", "contents",
     "Contents of the file that were not taken, and times that it was gone."},
    {0},
};

enum { FORMAT = 1 };

// ---------------------------------------------------------------- the PLAN's bytes

static void put(sli_str *out, const sli_scored *is)
{
    sli_put_u8(out, FORMAT);
    sli_put_i64(out, is->number);
    sli_put_i64(out, is->since_epoch);
    sli_put_i64(out, is->since_us);
    sli_put_i64(out, is->size_bytes);
    sli_put_bytes(out, is->hash, strlen(is->hash));
}

sl_code sli_scored_get(sl_bytes bytes, sli_scored *out, sl_error *err)
{
    sli_reader r = sli_reader_of(bytes);
    uint8_t format = sli_get_u8(&r);
    if (format != FORMAT) {
        return sl_error_set(err, SL_E_INCOMPATIBLE,
                            "a PLAN names a model in format %u, this Sluice reads format %d",
                            format, FORMAT);
    }
    sli_scored is = {.number = sli_get_i64(&r), .since_epoch = sli_get_i64(&r)};
    is.since_us = sli_get_i64(&r);
    is.size_bytes = sli_get_i64(&r);
    sl_bytes hash = sli_get_bytes(&r);
    SL_TRY(sli_reader_done(&r, "a model in a PLAN", err));
    if (hash.size != sizeof is.hash - 1) {
        return sl_error_set(err, SL_E_CORRUPT, "a model in a PLAN has no hash");
    }
    memcpy(is.hash, hash.data, hash.size);
    *out = is;
    return SL_OK;
}

// ---------------------------------------------------------------- what is kept

static sl_code set_path(score_params *p, const char *path, sl_error *err)
{
    char *copy = path == NULL || path[0] == '\0' ? NULL : sl_strdup(SLI_TAG_STREAM, path);
    if (copy == NULL && path != NULL && path[0] != '\0') {
        return sl_error_nomem(err, strlen(path), "a path");
    }
    sl_free(p->path);
    p->path = copy;
    return SL_OK;
}

/// The path in use becomes one that only epochs up to `last_epoch` need.
static sl_code retire_path(score_params *p, int64_t last_epoch, sl_error *err)
{
    if (p->path == NULL) {
        return SL_OK;
    }
    score_kept *grown = sli_grown(p->kept, p->n_kept, &p->kept_capacity, sizeof *grown);
    if (grown == NULL) {
        return sl_error_nomem(err, (size_t)p->n_kept * sizeof *grown, "models that are kept");
    }
    p->kept = grown;
    p->kept[p->n_kept++] = (score_kept){p->path, last_epoch};
    p->path = NULL;
    return SL_OK;
}

/// It is used again.
static void unretire(score_params *p, const char *path)
{
    for (int32_t i = p->n_kept; i-- > 0;) {
        if (strcmp(p->kept[i].path, path) == 0) {
            sl_free(p->kept[i].path);
            p->kept[i] = p->kept[--p->n_kept];
        }
    }
}

void score_fix_forget(sl_stream *node, int64_t epoch)
{
    score_params *p = ((sl_model *)node->body)->params;
    for (int32_t i = p->n_kept; i-- > 0;) {
        if (p->kept[i].last_epoch <= epoch) {
            sli_ckpt_kept_drop(p->ckpt, p->kept[i].path);
            sl_free(p->kept[i].path);
            p->kept[i] = p->kept[--p->n_kept];
        }
    }
}

void score_fix_end(score_params *p)
{
    for (int32_t i = 0; i < p->n_kept; i++) {
        sl_free(p->kept[i].path);
    }
    sl_free(p->kept);
    sl_free(p->path);
    p->kept = NULL;
    p->path = NULL;
    p->n_kept = p->kept_capacity = 0;
}

/// Puts the value's bytes into the checkpoint, if there is one. *path in the arena.
static sl_code keep(const sl_stream *node, const sli_fix *how, scored_value *v, const char **path,
                    sl_error *err)
{
    *path = "";
    if (how->ckpt != NULL) {
        const sl_bytes bytes = {v->content.bytes, v->content.size_bytes};
        SL_TRY(sli_ckpt_keep(how->ckpt, node->uid, bytes, how->arena, path, err));
    }
    sl_free(v->content.bytes);
    v->content.bytes = NULL;
    return SL_OK;
}

// ---------------------------------------------------------------- taking a content into use

/// The epoch uses another content than the one before.
static sl_code begin_use(sl_model *model, const sli_fix *how, scored_value *v, const char *path,
                         sl_error *err)
{
    score_params *p = model->params;
    SL_TRY(retire_path(p, how->epoch - 1, err));
    unretire(p, path);
    SL_TRY(set_path(p, path, err));
    v->is.number = p->last.number + 1;
    v->is.since_epoch = how->epoch;
    v->is.since_us = how->time_us;
    if (p->last.number > 0) {
        SLI_LOG(how->log, SLI_INFO, "ml",
                "model %s: number %lld from epoch %lld on, %s (%lld bytes, %s); before it %s",
                model->node->uid, (long long)v->is.number, (long long)how->epoch, v->is.hash,
                (long long)v->is.size_bytes, p->file, p->last.hash);
        sli_metric_add(p->changes, 1);
    } else {
        SLI_LOG(how->log, SLI_INFO, "ml",
                "model %s: number 1 from epoch %lld on, %s (%lld bytes, %s)", model->node->uid,
                (long long)how->epoch, v->is.hash, (long long)v->is.size_bytes, p->file);
    }
    p->last = v->is;
    p->told[0] = '\0';
    return SL_OK;
}

/// What an earlier life has used, under its number.
static sl_code go_on(score_params *p, scored_value *v, const sli_scored *was, const char *path,
                     sl_error *err)
{
    SL_TRY(set_path(p, path, err));
    unretire(p, path);
    v->is = p->last = *was;
    sl_free(v->content.bytes); // they are in the checkpoint
    v->content.bytes = NULL;
    return SL_OK;
}

// ---------------------------------------------------------------- a file that changed

/// Whether the job may go on with what it has.
static bool is_bearable(sl_code rc, const sl_error *why)
{
    return rc != SL_E_CRASHED && rc != SL_E_SUPERSEDED && rc != SL_E_CANCELLED &&
           !(why->action == SL_ACT_STOP_JOB && rc == SL_E_IO);
}

static void refuse(const sl_model *model, const sli_fix *how, const char *why)
{
    const score_params *p = model->params;
    sli_metric_add(p->refused, 1);
    SLI_LOG(how->log, SLI_WARN, "ml",
            "model %s: %s; epoch %lld and those behind it go on with number %lld, until %s has a "
            "model that fits: write it under another name and rename it over this one",
            model->node->uid, why, (long long)how->epoch,
            (long long)(p->last.number == 0 ? 1 : p->last.number), p->file);
}

static sl_code open_other(const sl_model *model, sli_score_content *content, scored_value **out,
                          sl_error *err)
{
    const score_params *p = model->params;
    scored_value *v = NULL;
    SL_TRY(sl_error_wrap(err, score_value_new(p, content, model->kind, &v, err), "%s", p->file));
    sl_code rc = sli_score_same_shape(p->ops->shape(v->scorer), &p->shape, err);
    if (rc != SL_OK) {
        ml_value_unref(&v->base);
        return sl_error_wrap(err, rc, "%s has another shape", p->file);
    }
    *out = v;
    return SL_OK;
}

/// Opens and keeps another content; what is wrong with it is told once.
static sl_code adopt(sl_model *model, const sli_fix *how, sli_score_content *content, sl_error *err)
{
    score_params *p = model->params;
    sl_error why = SL_ERROR_INIT;
    scored_value *v = NULL;
    const char *path = "";
    char hash[33];
    memcpy(hash, content->hash, sizeof hash);
    sl_code rc = open_other(model, content, &v, &why);
    bool is_good = rc == SL_OK;
    rc = rc != SL_OK ? rc : keep(model->node, how, v, &path, &why);
    if (rc == SL_OK) {
        ml_value_unref(model->base);
        model->base = &v->base;
        return begin_use(model, how, v, path, err);
    }
    ml_value_unref(v == NULL ? NULL : &v->base);
    if (!is_bearable(rc, &why)) {
        *err = why;
        return rc;
    }
    if (strcmp(p->told, hash) != 0) {
        refuse(model, how, why.text);
        memcpy(p->told, hash, sizeof hash);
    }
    p->is_good = is_good;
    p->seen.is_sure = p->seen.is_sure && !is_good;
    return SL_OK;
}

static sl_code look_again(sl_model *model, const sli_fix *how, sl_error *err)
{
    score_params *p = model->params;
    const scored_value *is = (const scored_value *)model->base;
    sl_error why = SL_ERROR_INIT;
    sli_score_content content = {0};
    bool changed = false;
    sl_code rc = sli_score_look(p->env, p->file, &p->seen, &changed, &why);
    if (rc == SL_OK && !changed && !p->is_gone) {
        return SL_OK;
    }
    rc = rc != SL_OK ? rc : sli_score_read(p->env, p->file, &p->seen, &content, &why);
    if (rc != SL_OK) {
        p->seen = (sli_score_seen){0};
        if (!is_bearable(rc, &why)) {
            *err = why;
            return rc;
        }
        if (rc != SL_E_BUSY && !p->is_gone) { // a file that is being written is no fault yet
            refuse(model, how, why.text);
            p->is_gone = true;
        }
        return SL_OK;
    }
    p->is_gone = false;
    bool is_used = strcmp(content.hash, is->is.hash) == 0;
    if (is_used || (strcmp(content.hash, p->told) == 0 && !p->is_good)) {
        p->told[0] = is_used ? '\0' : p->told[0]; // what was refused is told again when it is back
        sl_free(content.bytes);
        return SL_OK;
    }
    return adopt(model, how, &content, err);
}

// ---------------------------------------------------------------- hooks of the node

static void open_metrics(score_params *p, const sl_stream *node, const sli_fix *how)
{
    if (p->number == NULL) {
        p->number = sli_metrics_series(how->metrics, &sli_score_metrics[0], node->uid);
        p->changes = sli_metrics_series(how->metrics, &sli_score_metrics[1], node->uid);
        p->refused = sli_metrics_series(how->metrics, &sli_score_metrics[2], node->uid);
    }
    p->ckpt = how->ckpt;
}

sl_code score_fix_restore(sl_stream *node, const sli_fix *how, sl_error *err)
{
    score_params *p = ((sl_model *)node->body)->params;
    SL_TRY(sli_scored_get(*how->recorded, &p->last, err));
    return set_path(p, how->recorded_path, err);
}

/// The epoch is run again with what its PLAN says.
static sl_code use_recorded(sl_model *model, const sli_fix *how, sl_error *err)
{
    score_params *p = model->params;
    scored_value *v = (scored_value *)model->base;
    sli_scored was;
    SL_TRY(sli_scored_get(*how->recorded, &was, err));
    if (strcmp(was.hash, v->is.hash) != 0) {
        sli_buffer *kept = NULL;
        sli_score_content content = {.bytes = NULL};
        SL_TRY(sli_ckpt_kept(how->ckpt, how->recorded_path, &kept, err));
        content.size_bytes = (size_t)sli_buffer_size(kept);
        content.bytes = sl_alloc(SLI_TAG_STREAM, content.size_bytes);
        if (content.bytes == NULL) {
            sli_buffer_unref(kept);
            return sl_error_nomem(err, content.size_bytes, "a model");
        }
        memcpy(content.bytes, sli_buffer_bytes(kept), content.size_bytes);
        memcpy(content.hash, was.hash, sizeof content.hash);
        sli_buffer_unref(kept);
        sl_code rc = open_other(model, &content, &v, err);
        if (rc != SL_OK) {
            return sl_error_set(err, SL_E_INCOMPATIBLE,
                                "the epoch was planned with a model (%s) that this job's does not "
                                "fit: start the job once with the model and the graph that it had, "
                                "then replace them",
                                was.hash);
        }
        ml_value_unref(model->base);
        model->base = &v->base;
        p->seen = (sli_score_seen){0}; // the file's content is another one: looked at next time
    }
    if (p->path != NULL && strcmp(p->path, how->recorded_path) != 0) {
        SL_TRY(retire_path(p, how->epoch - 1, err));
    }
    return go_on(p, v, &was, how->recorded_path, err);
}

/// What a new epoch uses.
static sl_code use_newest(sl_model *model, const sli_fix *how, sl_error *err)
{
    score_params *p = model->params;
    SL_TRY(look_again(model, how, err));
    scored_value *v = (scored_value *)model->base;
    const char *path = "";
    if (strcmp(p->last.hash, v->is.hash) != 0) { // the first one, or changed while no job ran
        SL_TRY(keep(model->node, how, v, &path, err));
        return begin_use(model, how, v, path, err);
    }
    if (v->is.number == 0) {
        sli_scored was = p->last;
        sli_str own = {.tag = SLI_TAG_STREAM};
        sli_str_text(&own, p->path == NULL ? "" : p->path);
        sl_code rc = sli_str_check(&own, "a path", err);
        rc = rc != SL_OK ? rc : go_on(p, v, &was, own.data, err);
        sli_str_reset(&own);
        return rc;
    }
    return SL_OK;
}

sl_code score_fix(sl_stream *node, sli_fix *how, sl_error *err)
{
    sl_model *model = node->body;
    score_params *p = model->params;
    open_metrics(p, node, how);
    SL_TRY(how->recorded == NULL ? use_newest(model, how, err) : use_recorded(model, how, err));
    sli_metric_set(p->number, p->last.number);
    sli_str text = {.tag = SLI_TAG_STREAM};
    put(&text, &p->last);
    sl_code rc = sli_str_check(&text, "a model in a PLAN", err);
    if (rc == SL_OK) {
        how->bytes = (sl_bytes){sl_arena_copy(how->arena, text.data, text.size), text.size};
        how->path = p->path == NULL ? "" : sl_arena_strdup(how->arena, p->path);
        rc = how->bytes.data == NULL || how->path == NULL
                 ? sl_error_nomem(err, text.size, "a model in a PLAN")
                 : SL_OK;
    }
    sli_str_reset(&text);
    return rc;
}
