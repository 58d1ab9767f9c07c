// A checkpoint as of one group: which tables it has, and their rows.
//
// What there is, is told by names and first bytes of a snapshot's parts and by the heads of the
// deltas after it; there is no graph. Rows are read when somebody asks for them.
#include "api/checkpoint_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { PEEK_BYTES = 4096, MOST_PEEK_BYTES = 16 << 20 };

// ---------------------------------------------------------------- the list

static const char *copy_text(sli_look *look, sl_text text)
{
    return sl_arena_printf(look->arena, "%.*s", (int)text.size, text.data);
}

static sli_look_table *find(const sli_look *look, sl_text uid)
{
    for (int32_t i = 0; i < look->n_tables; i++) {
        if (look->tables[i]->told.schema[0] == '\0' &&
            sli_text_is(uid, look->tables[i]->lies.info.uid)) {
            return look->tables[i];
        }
    }
    return NULL;
}

static sl_code add(sli_look *look, sli_look_table **out, sl_error *err)
{
    if (look->n_tables == look->capacity) {
        int32_t capacity = look->capacity == 0 ? 32 : look->capacity * 2;
        sli_look_table **more =
            sl_realloc(SLI_TAG_API, look->tables, (size_t)capacity * sizeof *more);
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *more, "tables of a checkpoint");
        }
        look->tables = more;
        look->capacity = capacity;
    }
    *out = sl_arena_alloc_zero(look->arena, sizeof **out);
    if (*out == NULL) {
        return sl_error_nomem(err, sizeof **out, "a table of a checkpoint");
    }
    (*out)->of = look;
    (*out)->meta = -1;
    (*out)->told.schema = "";
    look->tables[look->n_tables++] = *out;
    return SL_OK;
}

static bool is_taken(const sli_look *look, const char *name)
{
    for (int32_t i = 0; i < look->n_tables; i++) {
        const char *other = look->tables[i]->told.name;
        if (other != NULL && look->tables[i]->told.schema[0] == '\0' &&
            strcasecmp(other, name) == 0) {
            return true;
        }
    }
    return false;
}

/// SQL does not see case: of two uids that differ in nothing else the second gets a number. '~' is
/// in no uid.
static sl_code name_table(sli_look *look, sli_look_table *table, const char *uid, sl_error *err)
{
    const char *name = uid;
    for (int32_t n = 2; name != NULL && is_taken(look, name); n++) {
        name = sl_arena_printf(look->arena, "%s~%d", uid, n);
    }
    table->told.name = table->engine = name;
    return name == NULL ? sl_error_nomem(err, strlen(uid), "a table's name") : SL_OK;
}

static sl_code read_part(void *ctx, int32_t part, sli_buffer **out, sl_error *err);
static sl_code read_delta(void *ctx, int32_t i, sli_buffer **out, sl_error *err);

static sl_code state_table(sli_look *look, sl_text uid, sli_look_table **out, sl_error *err)
{
    *out = find(look, uid);
    if (*out != NULL) {
        return SL_OK;
    }
    const char *name = copy_text(look, uid);
    SL_TRY(name == NULL ? sl_error_nomem(err, uid.size, "a table's name") : SL_OK);
    SL_TRY(add(look, out, err));
    sli_look_table *table = *out;
    SL_TRY(name_table(look, table, name, err));
    table->parts = sl_arena_alloc(look->arena, SLI_SNAPSHOT_PARTS * sizeof *table->parts);
    if (table->parts == NULL) {
        return sl_error_nomem(err, SLI_SNAPSHOT_PARTS * sizeof *table->parts, "a table's parts");
    }
    for (int32_t i = 0; i < SLI_SNAPSHOT_PARTS; i++) {
        table->parts[i] = -1;
    }
    table->lies = (sli_state_lies){.info = {.uid = name, .kind = "", .n_placing = -1},
                                   .part = read_part,
                                   .delta = read_delta,
                                   .ctx = table,
                                   .budget = look->budget};
    return SL_OK;
}

/// Now keys and values are told apart. Takes the schemas.
static sl_code learn_columns(sli_look_table *table, SL_TAKES const sl_schema *keys,
                             SL_TAKES const sl_schema *values, const char *kind, sl_error *err)
{
    sli_table_info *info = &table->lies.info;
    sli_state_scan *scan = NULL;
    info->keys = keys;
    info->values = values;
    info->kind = kind;
    SL_TRY(sli_state_scan_open(&scan, &table->lies, err)); // knows the columns
    sl_schema_unref(table->told.columns);
    table->told.columns = sl_schema_ref(sli_state_scan_schema(scan));
    table->told.kind = kind;
    sli_state_scan_close(scan);
    return SL_OK;
}

// ---------------------------------------------------------------- a snapshot's parts

/// "UID/part-07.arrow"
static bool is_part(sl_text section, sl_text *uid, int32_t *part)
{
    static const char mark[] = "/part-", tail[] = ".arrow";
    size_t n = sizeof mark - 1 + 2 + sizeof tail - 1;
    if (section.size <= n) {
        return false;
    }
    const char *at = section.data + section.size - n;
    *uid = (sl_text){section.data, section.size - n};
    *part = (at[6] - '0') * 10 + at[7] - '0';
    return memcmp(at, mark, sizeof mark - 1) == 0 && memcmp(at + 8, tail, sizeof tail - 1) == 0 &&
           *part >= 0 && *part < SLI_SNAPSHOT_PARTS;
}

/// Columns and kind, from as many first bytes of a part as that takes.
static sl_code peek_columns(sli_look *look, sli_look_table *table, int64_t section, sl_error *err)
{
    sl_schema *whole = NULL, *columns = NULL;
    sl_text kind = {"", 0};
    sl_code rc = SL_OK;
    for (size_t most = PEEK_BYTES; rc == SL_OK && whole == NULL && most <= MOST_PEEK_BYTES;
         most *= 8) {
        sli_str front = {.tag = SLI_TAG_API};
        rc = sli_ckpt_view_peek(look->view, section, most, &front, err);
        if (rc == SL_OK) {
            rc = sli_state_part_head((sl_bytes){front.data, front.size}, &whole, &kind, err);
        }
        if (whole != NULL) {
            table->told.kind = table->lies.info.kind = copy_text(look, kind);
        }
        sli_str_reset(&front);
    }
    if (rc == SL_OK && whole == NULL) {
        rc = sl_error_set(err, SL_E_CORRUPT, "its first bytes tell no columns");
    }
    if (rc == SL_OK) {
        rc = sli_state_without_slot(whole, &columns, err);
    }
    sl_schema_unref(whole);
    if (rc == SL_OK) {
        table->told.columns = table->lies.columns = columns;
        return table->told.kind == NULL ? sl_error_nomem(err, kind.size, "a table's kind") : SL_OK;
    }
    return sl_error_wrap(err, rc, "snapshot %lld, state of %s",
                         (long long)sli_ckpt_view_snapshot(look->view), table->lies.info.uid);
}

static sl_code take_parts(sli_look *look, sl_error *err)
{
    int64_t n = sli_ckpt_view_sections(look->view);
    for (int64_t i = 0; i < n; i++) {
        sl_text section = sli_ckpt_view_section(look->view, i, NULL), uid;
        int32_t part = 0;
        sli_look_table *table = NULL;
        if (is_part(section, &uid, &part)) {
            SL_TRY(state_table(look, uid, &table, err));
            table->parts[part] = i;
            SL_TRY(table->told.columns != NULL ? SL_OK : peek_columns(look, table, i, err));
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- a store's files

/// A table of the files: keys and values are told apart.
static sl_code take_file_table(sli_look *look, int32_t i, sl_error *err)
{
    sli_table_info found = sli_kept_files_table(look->files, i);
    sli_look_table *table = NULL;
    SL_TRY(state_table(look, sli_text_of(found.uid), &table, err));
    table->lies.files = look->files;
    table->lies.file_table = i;
    return learn_columns(table, sl_schema_ref(found.keys), sl_schema_ref(found.values), found.kind,
                         err);
}

static sl_code open_files(sli_look *look, sl_error *err)
{
    sli_str name = {.tag = SLI_TAG_API}, dir = {.tag = SLI_TAG_API};
    sli_str_printf(&name, "state.%s", look->store);
    sl_code rc = sli_str_check(&name, "a directory's name", err);
    if (rc == SL_OK) {
        rc = sli_ckpt_view_files(look->view, name.data, &dir, err);
    }
    if (rc == SL_OK) {
        sli_state_env env = {.env = look->env,
                             .budget = look->budget,
                             .dir = dir.data,
                             .modules = look->modules,
                             .memory_bytes = sli_budget_limit(look->budget) / 8};
        rc = sli_kept_files_open(&look->files, look->store, &env, err);
        rc = rc == SL_OK ? SL_OK : sli_ckpt_view_or_gone(look->view, rc, err);
    }
    sli_str_reset(&name);
    sli_str_reset(&dir);
    return rc;
}

static sl_code take_files(sli_look *look, sl_error *err)
{
    SL_TRY(look->files != NULL ? SL_OK : open_files(look, err));
    for (int32_t i = 0; i < sli_kept_files_tables(look->files); i++) {
        SL_TRY(take_file_table(look, i, err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- deltas

static sl_code parse_text(const sli_look *look, sl_text text, const sl_schema **out, sl_error *err)
{
    sl_schema *schema = NULL;
    const char *copy = sl_arena_printf(look->arena, "%.*s", (int)text.size, text.data);
    SL_TRY(copy == NULL ? sl_error_nomem(err, text.size, "columns") : SL_OK);
    SL_TRY(sl_schema_parse(&schema, copy, err));
    *out = schema;
    return SL_OK;
}

/// What a delta tells of a table.
static sl_code learn(sli_look *look, sli_look_table *table, const sli_state_head *head,
                     sl_error *err)
{
    const sl_schema *keys = NULL, *values = NULL;
    const char *kind = copy_text(look, head->kind);
    SL_TRY(kind == NULL ? sl_error_nomem(err, head->kind.size, "a table's kind") : SL_OK);
    SL_TRY(parse_text(look, head->keys, &keys, err));
    sl_code rc = parse_text(look, head->values, &values, err);
    if (rc != SL_OK) {
        sl_schema_unref(keys);
        return rc;
    }
    return learn_columns(table, keys, values, kind, err);
}

typedef struct heads {
    sli_look *look;
    int32_t delta;
} heads;

static sl_code take_head(void *ctx, const sli_state_head *head, sl_error *err)
{
    const heads *h = ctx;
    sli_look_table *table = NULL;
    SL_TRY(state_table(h->look, head->uid, &table, err));
    if (table->lies.info.keys == NULL) {
        SL_TRY(learn(h->look, table, head, err));
    }
    if (table->lies.n_deltas == table->capacity) {
        int32_t capacity = table->capacity == 0 ? 16 : table->capacity * 2;
        int32_t *more =
            sl_realloc(SLI_TAG_API, table->deltas, (size_t)capacity * sizeof *table->deltas);
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *more, "a table's deltas");
        }
        table->deltas = more;
        table->capacity = capacity;
    }
    table->deltas[table->lies.n_deltas++] = h->delta;
    return SL_OK;
}

/// Deltas stay in memory up to a quarter of what is allowed; the others are read again.
static sl_code take_delta(sli_look *look, const char *path, sl_error *err)
{
    sli_look_delta *delta = &look->deltas[look->n_deltas];
    sli_buffer *bytes = NULL;
    delta->path = sl_arena_strdup(look->arena, path);
    SL_TRY(delta->path == NULL ? sl_error_nomem(err, strlen(path), "a delta's path") : SL_OK);
    SL_TRY(sli_ckpt_view_get(look->view, path, &bytes, err));
    heads h = {look, look->n_deltas++};
    int64_t size = sli_buffer_size(bytes);
    sl_code rc = sli_state_delta_heads((sl_bytes){sli_buffer_bytes(bytes), (size_t)size}, take_head,
                                       &h, err);
    if (rc == SL_OK && look->counted + size <= sli_budget_limit(look->budget) / 4 &&
        sli_budget_reserve(look->budget, size, false)) {
        look->counted += size;
        delta->kept = bytes;
        return SL_OK;
    }
    sli_buffer_unref(bytes);
    return sl_error_wrap(err, rc, "%s/%s", look->dir, path);
}

static sl_code take_sealed(sli_look *look, const sli_frame *frame, sl_error *err)
{
    sli_sealed sealed;
    SL_TRY(sli_sealed_get(frame->body, look->arena, &sealed, err));
    look->point.epoch = sealed.last_epoch;
    look->point.time_us = sealed.last_time_us;
    return sealed.delta[0] == '\0' || frame->number <= sli_ckpt_view_snapshot(look->view)
               ? SL_OK
               : take_delta(look, sealed.delta, err);
}

static sl_code take_log(sli_look *look, sl_error *err)
{
    int64_t n;
    const sli_frame *frames = sli_ckpt_view_frames(look->view, &n);
    look->deltas = sl_alloc_array(SLI_TAG_API, (size_t)n + 1, sizeof *look->deltas);
    if (look->deltas == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *look->deltas, "the list of deltas");
    }
    for (int64_t i = 0; i < n; i++) {
        if (frames[i].kind == SLI_SEALED) {
            SL_TRY(take_sealed(look, &frames[i], err));
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- the snapshot's own words

/// Group, epoch and batch time of the snapshot, and whether a store's files are in it.
static sl_code take_meta(sli_look *look, sl_error *err)
{
    sli_buffer *bytes = NULL;
    SL_TRY(sli_ckpt_view_read(look->view, "meta", &bytes, err));
    if (bytes == NULL) {
        return SL_OK;
    }
    sli_reader r =
        sli_reader_of((sl_bytes){sli_buffer_bytes(bytes), (size_t)sli_buffer_size(bytes)});
    uint8_t format = sli_get_u8(&r);
    (void)sli_get_i64(&r);
    look->point.epoch = sli_get_i64(&r);
    look->point.time_us = sli_get_i64(&r);
    sl_code rc = SL_OK;
    if (!r.bad && format == 2) {
        look->store = sli_get_text(&r, look->arena);
    } else if (r.bad || format != 1) {
        rc = sl_error_set(err, r.bad ? SL_E_CORRUPT : SL_E_INCOMPATIBLE,
                          "snapshot %lld: its section 'meta' has format %u, this program reads 1 "
                          "and 2",
                          (long long)sli_ckpt_view_snapshot(look->view), format);
    }
    sli_buffer_unref(bytes);
    return rc;
}

static sl_code add_log_tables(sli_look *look, sl_error *err)
{
    for (int32_t i = 0; sli_look_metas[i].name != NULL; i++) {
        const sli_look_meta *meta = &sli_look_metas[i];
        sli_look_table *table = NULL;
        sl_schema *columns = NULL;
        SL_TRY(add(look, &table, err));
        table->meta = i;
        table->told = (sl_checkpoint_table){"sluice", meta->name, meta->text, NULL};
        table->engine = sl_arena_printf(look->arena, "sluice %s", meta->name); // no uid has blanks
        SL_TRY(table->engine == NULL ? sl_error_nomem(err, 32, "a table's name") : SL_OK);
        SL_TRY(sl_schema_parse(&columns, meta->columns, err));
        table->told.columns = columns;
    }
    return SL_OK;
}

// ---------------------------------------------------------------- opening

static int by_name(const void *a, const void *b)
{
    const sl_checkpoint_table *x = &(*(sli_look_table *const *)a)->told;
    const sl_checkpoint_table *y = &(*(sli_look_table *const *)b)->told;
    int schema = strcmp(x->schema, y->schema);
    return schema != 0 ? schema : strcmp(x->name, y->name);
}

static sl_code take_tables(sli_look *look, sl_error *err)
{
    const sli_ckpt_info *info = sli_ckpt_view_info(look->view);
    look->point = (sl_checkpoint_point){
        .job = info->name, .group = info->last_sealed, .committed = info->last_committed};
    SL_TRY(take_meta(look, err));
    SL_TRY(look->store != NULL ? take_files(look, err) : take_parts(look, err));
    SL_TRY(take_log(look, err));
    SL_TRY(add_log_tables(look, err));
    qsort(look->tables, (size_t)look->n_tables, sizeof(sli_look_table *), by_name);
    return SL_OK;
}

static void forget_tables(sli_look *look)
{
    for (int32_t i = 0; i < look->n_tables; i++) {
        sli_look_table *table = look->tables[i];
        sl_schema_unref(table->told.columns);
        sl_schema_unref(table->lies.info.keys);
        sl_schema_unref(table->lies.info.values);
        sl_free(table->deltas);
    }
    for (int32_t i = 0; i < look->n_deltas; i++) {
        sli_buffer_unref(look->deltas[i].kept);
    }
    sl_free(look->deltas);
    sli_budget_release(look->budget, look->counted);
    look->deltas = NULL;
    look->n_tables = look->n_deltas = 0;
    look->counted = 0;
}

/// The log takes longer to be read than a fast job needs for two snapshots, and then deltas after
/// ours are gone. Ours is held, so all is told as of that one's group, which is a little older.
static sl_code take_all(sli_look *look, const char *scratch, sl_error *err)
{
    sli_ckpt_view_conf conf = {look->env, look->dir, look->modules, scratch};
    SL_TRY(sli_ckpt_view_open(&look->view, &conf, err));
    sl_code rc = take_tables(look, err);
    if (rc == SL_E_NOT_FOUND && look->n_deltas > 0 && sli_ckpt_view_snapshot(look->view) > 0) {
        forget_tables(look);
        sl_code got = take_meta(look, err);
        sli_ckpt_view_cut(look->view, look->point.epoch);
        rc = got == SL_OK ? take_tables(look, err) : got;
    }
    return rc;
}

sl_code sli_look_open(sli_look **out, const sli_look_conf *conf, int64_t *group, sl_error *err)
{
    sli_look *look = sl_alloc_zero(SLI_TAG_API, sizeof *look);
    if (look == NULL) {
        return sl_error_nomem(err, sizeof *look, "a checkpoint's tables");
    }
    look->env = conf->env;
    look->dir = conf->dir;
    look->modules = conf->modules;
    look->budget = conf->budget;
    look->arena = sl_arena_new(SLI_TAG_API);
    sl_code rc = look->arena == NULL ? sl_error_nomem(err, 4096, "a checkpoint's tables")
                                     : take_all(look, conf->scratch, err);
    *group = look->point.group;
    if (rc != SL_OK) {
        sli_look_close(look);
        return rc;
    }
    *out = look;
    return SL_OK;
}

void sli_look_close(sli_look *look)
{
    if (look == NULL) {
        return;
    }
    forget_tables(look);
    sli_kept_files_close(look->files);
    sli_ckpt_view_close(look->view);
    sl_arena_free(look->arena);
    sl_free(look->tables);
    sl_free(look);
}

// ---------------------------------------------------------------- rows

static sl_code read_part(void *ctx, int32_t part, sli_buffer **out, sl_error *err)
{
    const sli_look_table *table = ctx;
    char name[256];
    *out = NULL;
    if (table->parts[part] < 0) {
        return SL_OK;
    }
    sl_text section = sli_ckpt_view_section(table->of->view, table->parts[part], NULL);
    (void)snprintf(name, sizeof name, "%.*s", (int)section.size, section.data);
    return sli_ckpt_view_read(table->of->view, name, out, err);
}

static sl_code read_delta(void *ctx, int32_t i, sli_buffer **out, sl_error *err)
{
    const sli_look_table *table = ctx;
    const sli_look_delta *delta = &table->of->deltas[table->deltas[i]];
    if (delta->kept != NULL) {
        *out = sli_buffer_ref(delta->kept);
        return SL_OK;
    }
    return sli_ckpt_view_get(table->of->view, delta->path, out, err);
}

typedef struct passing {
    const sli_look_table *table;
    sli_state_scan *scan;
    sli_letters *letters;
    bool ended; ///< of a table that comes at once
} passing;

static sl_code open_pass(passing *pass, sl_error *err)
{
    const sli_look_table *table = pass->table;
    if (table->meta >= 0) {
        return sli_look_metas[table->meta].fill != NULL
                   ? SL_OK
                   : sli_letters_open(&pass->letters, table->of, err);
    }
    return sli_state_scan_open(&pass->scan, &table->lies, err);
}

sl_code sli_look_begin(void *ctx, void **out, sl_error *err)
{
    passing *pass = sl_alloc_zero(SLI_TAG_API, sizeof *pass);
    if (pass == NULL) {
        return sl_error_nomem(err, sizeof *pass, "a pass over a table");
    }
    pass->table = ctx;
    sl_code rc = open_pass(pass, err);
    if (rc != SL_OK) {
        sl_free(pass);
        return rc;
    }
    *out = pass;
    return SL_OK;
}

sl_code sli_look_next(void *ctx, sl_batch **rows, sl_error *err)
{
    passing *pass = ctx;
    *rows = NULL;
    if (pass->scan != NULL) {
        return sli_state_scan_next(pass->scan, rows, err);
    }
    if (pass->letters != NULL) {
        return sli_letters_next(pass->letters, rows, err);
    }
    bool was_ended = pass->ended;
    pass->ended = true;
    return was_ended ? SL_OK : sli_look_log_rows(pass->table->of, pass->table->meta, rows, err);
}

void sli_look_end(void *ctx)
{
    passing *pass = ctx;
    sli_state_scan_close(pass->scan);
    sli_letters_close(pass->letters);
    sl_free(pass);
}
