#include "source/fixture_test.h"

#include <fcntl.h>
#include <sys/stat.h>

static void note_line(void *self, sli_level level, const char *module, const char *line)
{
    sli_str *told = self;
    (void)level;
    (void)module;
    sli_str_text(told, line);
    sli_str_char(told, '\n');
}

static void open_in(slt_place *p, const char *parent)
{
    p->arena = sl_arena_new(SLI_TAG_TEST);
    assert_non_null(p->arena);
    p->dir = sl_arena_printf(p->arena, "%s/in", parent);
    assert_int_equal(sli_env_mkdirs(p->env, p->dir, NULL), SL_OK);
    assert_int_equal(sli_metrics_new(&p->metrics, p->env, NULL), SL_OK);
    assert_int_equal(sli_log_new(&p->log, "info", (sli_log_sink){note_line, &p->told}, NULL),
                     SL_OK);
    p->source_env = (sli_source_env){
        .env = p->env, .metrics = p->metrics, .log = p->log, .uid = "in", .interval_us = 1000000};
}

void slt_place_open_sim(slt_place *p, uint64_t seed)
{
    *p = (slt_place){.world = sli_world_new(&(sli_world_conf){.seed = seed})};
    assert_non_null(p->world);
    assert_int_equal(sli_world_boot(p->world, NULL, &p->env, NULL), SL_OK);
    open_in(p, "/data");
}

void slt_place_open(slt_place *p, bool sim)
{
    if (sim) {
        slt_place_open_sim(p, 3);
        return;
    }
    *p = (slt_place){0};
    assert_int_equal(sli_env_posix(&p->env, NULL), SL_OK);
    open_in(p, slt_temp_dir());
}

void slt_place_close(slt_place *p)
{
    sli_log_free(p->log);
    sli_metrics_free(p->metrics);
    sl_arena_free(p->arena);
    sli_env_free(p->env);
    sli_world_free(p->world);
    sli_str_reset(&p->told);
}

const char *slt_at(slt_place *p, const char *name)
{
    const char *path = sl_arena_printf(p->arena, "%s/%s", p->dir, name);
    assert_non_null(path);
    return path;
}

void slt_put(slt_place *p, const char *name, const char *text)
{
    const char *staged = slt_at(p, "../staged");
    sli_file *file = NULL;
    assert_int_equal(sli_file_open(p->env, staged, SLI_REPLACE, &file, NULL), SL_OK);
    assert_int_equal(sli_file_write(file, text, strlen(text), NULL), SL_OK);
    sli_file_close(&file);
    assert_int_equal(sli_env_rename(p->env, staged, slt_at(p, name), true, NULL), SL_OK);
}

void slt_append(slt_place *p, const char *name, const char *text)
{
    sli_file *file = NULL;
    assert_int_equal(sli_file_open(p->env, slt_at(p, name), SLI_APPEND, &file, NULL), SL_OK);
    assert_int_equal(sli_file_write(file, text, strlen(text), NULL), SL_OK);
    sli_file_close(&file);
}

void slt_remove(slt_place *p, const char *name)
{
    assert_int_equal(sli_env_remove(p->env, slt_at(p, name), NULL), SL_OK);
}

void slt_touch(slt_place *p, const char *name, int64_t modified_us)
{
    const char *path = slt_at(p, name);
    if (p->world != NULL) {
        assert_int_equal(sli_world_touch(p->world, path, modified_us, NULL), SL_OK);
        return;
    }
    struct timespec at = {modified_us / 1000000, modified_us % 1000000 * 1000};
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){at, at}, 0), 0);
}

int64_t slt_metric(slt_place *p, sli_source_series series)
{
    return sli_metric_value(sli_metrics_series(p->metrics, &sli_source_metrics[series], "in"));
}

sl_code slt_open_url(slt_place *p, const char *url, sli_source **out)
{
    static const sli_source_ops *const sources[] = {&sli_source_file,
                                                    &sli_source_socket,
                                                    &sli_source_stdin,
                                                    &sli_source_rate,
                                                    &sli_source_queue,
                                                    &sli_source_kafka,
                                                    &sli_source_http,
                                                    &sli_source_flume,
                                                    &sli_source_flume_poll,
                                                    &sli_source_mqtt,
                                                    &sli_source_hdfs,
                                                    &sli_source_tail,
                                                    NULL};
    p->err = SL_ERROR_INIT;
    return sli_source_open(out, url, sources, &p->source_env, &p->err);
}

sli_source *slt_open(slt_place *p, const char *query, sl_bytes position)
{
    bool is_url = strchr(query, ':') != NULL;
    const char *url = is_url ? query : sl_arena_printf(p->arena, "file:%s?%s", p->dir, query);
    sli_source *source = NULL;
    if (slt_open_url(p, url, &source) != SL_OK) {
        fail_msg("%s: %s", url, p->err.text);
    }
    assert_int_equal(source->ops->restore(source, position, &p->err), SL_OK);
    return source;
}

void slt_pass(slt_place *p, int64_t us)
{
    if (p->world != NULL) {
        sli_signal *never = sli_signal_new(p->env);
        assert_non_null(never);
        assert_int_equal(sli_signal_wait(never, sli_env_mono_us(p->env) + us, NULL), SL_E_TIMEOUT);
        sli_signal_free(never);
    }
}

void slt_offer(slt_place *p, sli_source *source)
{
    slt_pass(p, 1000000);
    p->epoch++;
    sli_ask ask = {
        .epoch = p->epoch, .batch_time_us = sli_env_wall_us(p->env), .max_rows = INT64_MAX};
    p->offer = (sli_offer){0};
    p->err = SL_ERROR_INIT;
    if (source->ops->offer(source, &ask, p->arena, &p->offer, &p->err) != SL_OK) {
        fail_msg("offer: %s", p->err.text);
    }
    assert_true(p->offer.range.size > 0 || p->offer.n_splits == 0);
}

static void put_cell(sli_str *out, const sl_column *column, int64_t row)
{
    if (sl_column_is_null(column, row)) {
        sli_str_text(out, "null");
    } else if (column->type == SL_STRING || column->type == SL_BINARY) {
        sl_text text = sl_column_text(column, row);
        sli_str_add(out, text.data, text.size);
    } else {
        bool small = column->type == SL_INT32;
        sli_str_printf(out, "%lld",
                       small ? (long long)((const int32_t *)column->values)[row]
                             : (long long)sl_column_int64(column, row));
    }
}

static sl_code put_rows(void *ctx, sl_batch *batch, sl_error *err)
{
    if (batch == NULL) {
        return SL_OK; // it waits
    }
    sli_str *out = ctx;
    (void)err;
    int32_t columns = sl_schema_columns(sl_batch_schema(batch));
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        for (int32_t c = 0; c < columns; c++) {
            put_cell(out, sl_batch_column(batch, c), row);
            sli_str_char(out, c + 1 < columns ? ',' : ';');
        }
    }
    return SL_OK;
}

sl_code slt_read(slt_place *p, sli_source *source, sl_bytes range, const char **out)
{
    sli_str rows = SLI_STR_INIT;
    int32_t n = 0;
    sli_decode_stats stats = {0};
    p->err = SL_ERROR_INIT;
    sl_code rc = source->ops->splits(source, range, &n, &p->err);
    for (int32_t i = 0; rc == SL_OK && i < n; i++) {
        rc = source->ops->read(source, range, i, put_rows, &rows, &stats, &p->err);
    }
    *out = sl_arena_strdup(p->arena, rows.data == NULL ? "" : rows.data);
    sli_str_reset(&rows);
    return rc;
}

const char *slt_take(slt_place *p, sli_source *source)
{
    const char *rows = NULL, *again = NULL;
    int32_t splits = 0;
    slt_offer(p, source);
    assert_int_equal(source->ops->splits(source, p->offer.range, &splits, NULL), SL_OK);
    assert_int_equal(splits, p->offer.n_splits);
    if (slt_read(p, source, p->offer.range, &rows) != SL_OK) {
        fail_msg("read: %s", p->err.text);
    }
    assert_int_equal(slt_read(p, source, p->offer.range, &again), SL_OK);
    assert_string_equal(rows, again);
    return rows;
}

sl_bytes slt_position(slt_place *p, sli_source *source)
{
    sli_str out = SLI_STR_INIT;
    assert_int_equal(source->ops->position(source, &out, NULL), SL_OK);
    void *copy = sl_arena_copy(p->arena, out.data, out.size);
    size_t size = out.size;
    sli_str_reset(&out);
    assert_non_null(copy);
    return (sl_bytes){copy, size};
}
