/// console.c — Spark's print(): each epoch's time and its first rows, on standard output or error.
///
/// An outbox sink that keeps no mark, so after a crash a group may be shown again: at least once.
/// What one commit shows is written at once, so that lines of two outputs do not mix.
#include "sink/sink_int.h"

enum { WRITE_BYTES = 4 << 20 };

static const sl_option options[] = {
    {.name = "rows",
     .type = SL_OPT_INT,
     .fallback = "10",
     .low = "0",
     .high = "100000",
     .text = "Rows shown of an epoch; \"...\" follows when it has more."},
    {.name = "stream",
     .type = SL_OPT_CHOICE,
     .fallback = "stdout",
     .choices = "stdout|stderr",
     .text = "Where they are shown."},
    {0},
};

typedef struct console {
    sli_sink base;
    sl_env *env;
    const sl_schema *schema;
    int64_t rows;
    int fd;
} console;

/// One commit on its way.
typedef struct printer {
    console *self;
    sli_str text;
    int64_t epoch, shown;
    bool begun;
} printer;

// ---------------------------------------------------------------- cells

/// A list is shown as [a,b], a struct as (a,b), null as null. Depth is bounded by the schema's.
static void print_value(sli_str *out, const sl_field *field, const sl_column *column, int64_t row)
{
    if (sl_column_is_null(column, row)) {
        sli_str_text(out, "null");
        return;
    }
    if (field->type != SL_LIST && field->type != SL_STRUCT) {
        sli_print_cell(out, field, column, row);
        return;
    }
    bool is_list = field->type == SL_LIST;
    const int32_t *offsets = is_list ? (const int32_t *)column->values + row : NULL;
    int32_t n = is_list ? offsets[1] - offsets[0] : field->n_children;
    sli_str_char(out, is_list ? '[' : '(');
    for (int32_t i = 0; i < n; i++) {
        int32_t child = is_list ? 0 : i;
        if (i > 0) {
            sli_str_char(out, ',');
        }
        print_value(out, &field->children[child], &column->children[child],
                    is_list ? offsets[0] + i : row);
    }
    sli_str_char(out, is_list ? ']' : ')');
}

static void print_row(sli_str *out, const sl_schema *schema, const sl_batch *batch, int64_t row)
{
    int32_t n = sl_schema_columns(schema);
    if (n != 1) {
        sli_str_char(out, '(');
    }
    for (int32_t i = 0; i < n; i++) {
        if (i > 0) {
            sli_str_char(out, ',');
        }
        print_value(out, sl_schema_field(schema, i), sl_batch_column(batch, i), row);
    }
    sli_str_text(out, n != 1 ? ")\n" : "\n");
}

// ---------------------------------------------------------------- epochs

static sl_code flush(printer *p, sl_error *err)
{
    SL_TRY(sli_str_check(&p->text, "rows to be shown", err));
    if (p->text.size == 0) {
        return SL_OK;
    }
    sl_code rc = sli_env_print(p->self->env, p->self->fd, p->text.data, p->text.size, err);
    sli_str_clear(&p->text);
    return rc;
}

static void end_epoch(printer *p)
{
    if (p->begun) {
        sli_str_char(&p->text, '\n');
    }
}

static void begin_epoch(printer *p, int64_t epoch, int64_t batch_time_us)
{
    static const char line[] = "-------------------------------------------\n";
    end_epoch(p);
    p->begun = true;
    p->epoch = epoch;
    p->shown = 0;
    sli_str_text(&p->text, line);
    sli_str_printf(&p->text, "Time: %lld ms\n", (long long)(batch_time_us / 1000));
    sli_str_text(&p->text, line);
}

static sl_code print_batch(void *ctx, int64_t epoch, int64_t batch_time_us, const sl_batch *batch,
                           sl_error *err)
{
    printer *p = ctx;
    if (!p->begun || p->epoch != epoch) {
        begin_epoch(p, epoch, batch_time_us);
    }
    int64_t n = batch == NULL ? 0 : sl_batch_rows(batch);
    for (int64_t row = 0; row < n && p->shown <= p->self->rows; row++) {
        if (p->shown++ == p->self->rows) {
            sli_str_text(&p->text, "...\n");
        } else {
            print_row(&p->text, p->self->schema, batch, row);
        }
        if (p->text.size > WRITE_BYTES) {
            SL_TRY(flush(p, err));
        }
    }
    return p->text.size > WRITE_BYTES ? flush(p, err) : SL_OK;
}

static sl_code console_commit(sli_sink *sink, int64_t group, sl_bytes receipt, sli_outbox *outbox,
                              sl_error *err)
{
    (void)group;
    (void)receipt;
    printer p = {.self = (console *)sink};
    p.text.tag = SLI_TAG_SINK;
    sl_code rc = outbox->each(outbox, print_batch, &p, err);
    if (rc == SL_OK) {
        end_epoch(&p);
        rc = flush(&p, err);
    }
    sli_str_reset(&p.text);
    return rc;
}

// ---------------------------------------------------------------- the table

static sl_code console_open(sli_sink **out, const sli_url *url, const sl_conf *conf,
                            const sli_sink_env *env, sl_error *err)
{
    if (url->host.size > 0 || url->path.size > 0) {
        return sl_error_set(err, SL_E_CONFIG, "a console has no address: write \"console:\"");
    }
    for (int32_t i = 0; i < sl_schema_columns(env->schema); i++) {
        const sl_field *field = sl_schema_field(env->schema, i);
        if (field->type == SL_OPAQUE) {
            return sl_error_set(err, SL_E_INVALID, "column %s can't be shown: its type is opaque",
                                field->name);
        }
    }
    console *self = sl_alloc_zero(SLI_TAG_SINK, sizeof(*self));
    if (self == NULL) {
        return sl_error_nomem(err, sizeof(*self), "console");
    }
    self->base.ops = &sli_sink_console;
    self->env = env->env;
    self->schema = sl_schema_ref(env->schema);
    self->rows = sl_conf_int64(conf, "rows");
    self->fd = sl_conf_choice(conf, "stream") == 0 ? 1 : 2;
    *out = &self->base;
    return SL_OK;
}

static sl_code console_recover(sli_sink *sink, int64_t *last_committed, sl_error *err)
{
    (void)sink;
    (void)err;
    *last_committed = 0; // nobody remembers what was shown
    return SL_OK;
}

static void console_close(sli_sink *sink)
{
    sl_schema_unref(((console *)sink)->schema);
    sl_free(sink);
}

/// One more than is shown: whether there are more is shown, too.
static int64_t console_rows_wanted(const sli_sink *self)
{
    return ((const console *)self)->rows + 1;
}

const sli_sink_ops sli_sink_console = {
    .struct_size = sizeof(sli_sink_ops),
    .scheme = "console",
    .text = "Shows the time of each epoch and its first rows, as Spark's print() does.",
    .guarantee = SLI_AT_LEAST_ONCE,
    .options = options,
    .open = console_open,
    .recover = console_recover,
    .commit = console_commit,
    .close = console_close,
    .rows_wanted = console_rows_wanted,
};
