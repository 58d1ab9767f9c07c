// Help, validation and status: read-only views that the sluice program prints.
#include <stdio.h>

#include "api/host.h"
#include "stream/plan.h"
#include "sql/sql.h"
#include "sluice/tool.h"

const char *sl_version(void)
{
    return SL_VERSION_TEXT;
}

static sl_code hand_out(sli_str *text, char **out, sl_error *err)
{
    char *bytes = sli_str_take(text);
    if (bytes == NULL) {
        return sl_error_nomem(err, 256, "a text");
    }
    *out = bytes;
    return SL_OK;
}

// ---------------------------------------------------------------- help

static void help_options(int32_t columns, sli_str *out)
{
    sli_str_text(out, "Settings of a job: --NAME VALUE, --conf NAME=VALUE, or sl_graph_set in the "
                      "build function.\n\n");
    sl_conf_help(sli_all_options, columns, out);
}

static void help_one(const char *scheme, const char *text, const sl_option *options,
                     int32_t columns, sli_str *out)
{
    const sl_option *tables[] = {options, NULL};
    sli_str_printf(out, "%s: %s\n", scheme, text);
    if (options != NULL && options[0].name != NULL) {
        sl_conf_help(tables, columns, out);
    }
    sli_str_char(out, '\n');
}

static void help_sources(int32_t columns, sli_str *out)
{
    const sl_option *common[] = {sli_source_options, NULL};
    sli_str_text(out, "Sources, as URLs: scheme://host:port/path?option=value&...\n\n");
    for (int32_t i = 0; sli_all_sources[i] != NULL; i++) {
        const sli_source_ops *ops = sli_all_sources[i];
        help_one(ops->scheme, ops->text, ops->options, columns, out);
    }
    sli_str_text(out, "Every source also takes:\n");
    sl_conf_help(common, columns, out);
}

static void help_sinks(int32_t columns, sli_str *out)
{
    sli_str_text(out, "Sinks, as URLs: scheme:path?option=value&...\n\n");
    for (int32_t i = 0; sli_all_sinks[i] != NULL; i++) {
        const sli_sink_ops *ops = sli_all_sinks[i];
        help_one(ops->scheme, ops->text, ops->options, columns, out);
    }
}

static void help_formats(int32_t columns, sli_str *out)
{
    for (const char *const *name = sli_format_names(); *name != NULL; name++) {
        const sli_format_ops *ops = sli_format_find(sli_text_of(*name));
        help_one(ops->name, "options of the format", ops->options, columns, out);
    }
}

static void help_models(int32_t columns, sli_str *out)
{
    const sl_option *common[] = {sli_ml_options, NULL};
    for (int32_t i = 0; sli_all_models[i] != NULL; i++) {
        const sli_ml_help *help = sli_all_models[i];
        help_one(help->name, help->text, help->options, columns, out);
    }
    sli_str_text(out, "Every model also takes:\n");
    sl_conf_help(common, columns, out);
}

sl_code sl_help_text(const char *topic, int32_t columns, char **out, sl_error *err)
{
    static const struct {
        const char *name;
        void (*help)(int32_t columns, sli_str *out);
    } topics[] = {{"options", help_options}, {"sources", help_sources}, {"sinks", help_sinks},
                  {"formats", help_formats}, {"sql", sli_sql_help},     {"models", help_models}};
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        if (strcmp(topics[i].name, topic) == 0) {
            sli_str text = {.tag = SLI_TAG_API};
            topics[i].help(columns, &text);
            return hand_out(&text, out, err);
        }
    }
    return sl_error_set(err, SL_E_NOT_FOUND,
                        "no help on '%s': topics are options, sources, sinks, formats, sql, "
                        "models",
                        topic);
}

// ---------------------------------------------------------------- validation

static void put_warnings(sli_str *out, const char *lines)
{
    while (*lines != '\0') {
        size_t size = strcspn(lines, "\n");
        sli_str_printf(out, "warning: %.*s\n", (int)size, lines);
        lines += size + 1;
    }
}

sl_code sl_validate(const char *name, sl_build_fn build, const char *const *settings, char **out,
                    sl_error *err)
{
    sl_context *context = NULL;
    SL_TRY(sl_context_new(&context, name, build, settings, err));
    sl_code rc = sli_graph_seal(sl_context_graph(context), err);
    if (rc == SL_OK) {
        sli_str text = {.tag = SLI_TAG_API};
        put_warnings(&text, sli_context_warnings(context));
        sli_str_text(&text, sl_graph_text(sl_context_graph(context)));
        rc = hand_out(&text, out, err);
    }
    sl_context_free(context);
    return rc;
}

// ---------------------------------------------------------------- status: models
//
// Each PLAN names the content of a model's file that its epoch used, so the log tells which epochs
// were scored by which, as far back as it goes; of the last one always, since a PLAN stays.

typedef struct used_model {
    char *uid;
    sli_scored is;
    int64_t last_epoch; ///< on record
} used_model;

typedef struct used_models {
    used_model *items;
    int32_t n;
    sl_arena *arena;
} used_models;

static used_model *find_used(const used_models *used, const char *uid, int64_t number)
{
    for (int32_t i = used->n; i-- > 0;) {
        if (used->items[i].is.number == number && strcmp(used->items[i].uid, uid) == 0) {
            return &used->items[i];
        }
    }
    return NULL;
}

static sl_code add_used(used_models *used, const sli_plan *plan, const sli_plan_fixed *fixed,
                        sl_error *err)
{
    sli_scored is;
    SL_TRY(sli_scored_get(fixed->bytes, &is, err));
    used_model *known = find_used(used, fixed->uid, is.number);
    if (known == NULL) {
        size_t size = (size_t)used->n * sizeof *used->items;
        used_model *more = sl_realloc(SLI_TAG_API, used->items, size + sizeof *more);
        if (more == NULL) {
            return sl_error_nomem(err, size, "models of a checkpoint");
        }
        used->items = more;
        known = &more[used->n];
        *known = (used_model){.uid = sl_arena_strdup(used->arena, fixed->uid)};
        if (known->uid == NULL) {
            return sl_error_nomem(err, 64, "models of a checkpoint");
        }
        used->n++;
    }
    known->is = is;
    known->last_epoch = plan->epoch;
    return SL_OK;
}

static sl_code look_at_frame(void *ctx, const sli_frame *frame, sl_error *err)
{
    used_models *used = ctx;
    sli_plan plan;
    if (frame->kind != SLI_PLAN) {
        return SL_OK;
    }
    SL_TRY(sli_plan_get(frame->body, used->arena, &plan, err));
    for (int32_t i = 0; i < plan.n_fixed; i++) {
        SL_TRY(add_used(used, &plan, &plan.fixed[i], err));
    }
    return SL_OK;
}

static void models_json(const used_models *used, sli_str *out)
{
    sli_str_text(out, ",\"models\":[");
    for (int32_t i = 0; i < used->n; i++) {
        const used_model *m = &used->items[i];
        sli_str_text(out, i == 0 ? "{\"uid\":" : ",{\"uid\":");
        sli_str_json(out, m->uid, strlen(m->uid));
        sli_str_printf(out,
                       ",\"number\":%lld,\"hash\":\"%s\",\"bytes\":%lld,\"firstEpoch\":%lld,"
                       "\"firstBatchTimeMs\":%lld,\"lastEpoch\":%lld}",
                       (long long)m->is.number, m->is.hash, (long long)m->is.size_bytes,
                       (long long)m->is.since_epoch, (long long)(m->is.since_us / 1000),
                       (long long)m->last_epoch);
    }
    sli_str_text(out, "]");
}

static void models_text(const used_models *used, sli_str *out)
{
    for (int32_t i = 0; i < used->n; i++) {
        const used_model *m = &used->items[i];
        sli_str_printf(out, "  model        %s number %lld, epochs %lld to %lld, %s, %lld bytes\n",
                       m->uid, (long long)m->is.number, (long long)m->is.since_epoch,
                       (long long)m->last_epoch, m->is.hash, (long long)m->is.size_bytes);
    }
}

// ---------------------------------------------------------------- status

static void status_json(const sli_ckpt_info *info, const used_models *used, const char *dir,
                        sli_str *out)
{
    sli_str_text(out, "{\"directory\":");
    sli_str_json(out, dir, strlen(dir));
    sli_str_text(out, ",\"name\":");
    sli_str_json(out, info->name, strlen(info->name));
    sli_str_text(out, ",\"snapshots\":");
    sli_str_json(out, info->snapshots, strlen(info->snapshots));
    sli_str_text(out, ",\"snapshotsAway\":");
    sli_str_json(out, info->away, strlen(info->away));
    sli_str_printf(
        out,
        ",\"jobId\":\"%s\",\"format\":%d,\"generation\":%lld,\"lastEpoch\":%lld,"
        "\"lastBatchTimeMs\":%lld,"
        "\"lastSealed\":%lld,\"lastCommitted\":%lld,\"newestSnapshot\":%lld,\"logBytes\":%lld,"
        "\"walBytes\":%lld,\"snapshotBytes\":%lld,\"holderPid\":%lld,\"graphHash\":\"%016llx\"",
        info->job_id, info->format, (long long)info->generation, (long long)info->last_epoch,
        (long long)(info->last_batch_time_us / 1000), (long long)info->last_sealed,
        (long long)info->last_committed, (long long)info->newest_snapshot,
        (long long)info->log_bytes, (long long)info->wal_bytes, (long long)info->snapshot_bytes,
        (long long)info->holder_pid, (unsigned long long)info->graph_hash);
    models_json(used, out);
    sli_str_text(out, "}\n");
}

static void status_text(const sli_ckpt_info *info, const used_models *used, const char *dir,
                        sli_str *out)
{
    sli_str_printf(out, "%s: job '%s', id %s\n", dir, info->name, info->job_id);
    if (info->holder_pid > 0) {
        sli_str_printf(out, "  running      process %lld, generation %lld\n",
                       (long long)info->holder_pid, (long long)info->generation);
    } else {
        sli_str_printf(out, "  not running  last generation %lld\n", (long long)info->generation);
    }
    sli_str_printf(out, "  planned      epoch %lld, batch time %lld ms\n",
                   (long long)info->last_epoch, (long long)(info->last_batch_time_us / 1000));
    sli_str_printf(out, "  sealed       group %lld, committed on record up to group %lld%s\n",
                   (long long)info->last_sealed, (long long)info->last_committed,
                   info->last_sealed > info->last_committed ? " (the next start finishes the rest)"
                                                            : "");
    const char *place = info->snapshots[0] == '\0' ? "" : ", at ";
    if (info->away[0] != '\0') {
        sli_str_printf(out, "  snapshot     not known: %s\n", info->away);
    } else {
        sli_str_printf(out, "  snapshot     group %lld, %lld bytes%s%s\n",
                       (long long)info->newest_snapshot, (long long)info->snapshot_bytes, place,
                       info->snapshots);
    }
    sli_str_printf(out, "  log          %lld bytes, write-ahead log %lld bytes, format %d\n",
                   (long long)info->log_bytes, (long long)info->wal_bytes, info->format);
    models_text(used, out);
}

static sl_code look(const char *dir, sli_ckpt_info *info, used_models *used, sl_error *err)
{
    sl_env *env = NULL;
    SL_TRY(sli_env_posix(&env, err));
    sl_code rc = sli_ckpt_inspect(env, dir, info, err);
    rc = rc != SL_OK ? rc : sli_ckpt_each_frame(env, dir, look_at_frame, used, err);
    sli_env_free(env);
    return rc;
}

sl_code sl_checkpoint_status(const char *dir, bool json, char **out, sl_error *err)
{
    sli_ckpt_info info = {0};
    used_models used = {.arena = sl_arena_new(SLI_TAG_API)};
    sli_str text = {.tag = SLI_TAG_API};
    if (used.arena == NULL) {
        return sl_error_nomem(err, 4096, "the models of a checkpoint");
    }
    sl_code rc = look(dir, &info, &used, err);
    if (rc == SL_OK) {
        (json ? status_json : status_text)(&info, &used, dir, &text);
        rc = hand_out(&text, out, err);
    }
    sl_free(used.items);
    sl_arena_free(used.arena);
    return rc;
}
