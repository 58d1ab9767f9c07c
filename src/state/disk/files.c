// The engine's files: opening them, checkpoints of them, and taking a checkpoint over.
//
// Inside a checkpoint one row of the store's own says what the tables are; while the store works it
// has that in memory.
#include "state/disk/disk_int.h"

// ---------------------------------------------------------------- the engine

static sl_code open_engine(sli_disk *disk, sl_error *err)
{
    sli_kv_conf conf = {.struct_size = sizeof conf,
                        .dir = disk->dir,
                        .cache_bytes = disk->memory_bytes / 2,
                        .write_bytes = disk->memory_bytes / 2};
    return disk->ops->open(&disk->kv, &conf, err);
}

sl_code sli_disk_open_engine(sli_disk *disk, sl_error *err)
{
    SL_TRY(sli_env_mkdirs(disk->env, disk->dir, err));
    return open_engine(disk, err);
}

// ---------------------------------------------------------------- the store's own row

static const char own_key[SLI_KEY_HEAD] = {0, 0, 0, 0}; // table 0

static void put_tables(const sli_disk *disk, sli_str *out)
{
    uint64_t n = 0;
    for (const sli_table *table = disk->core.tables; table != NULL; table = table->next) {
        n++;
    }
    sli_put_u8(out, SLI_DISK_FORMAT);
    sli_put_u64(out, disk->next_age);
    sli_put_varint(out, n);
    for (const sli_table *table = disk->core.tables; table != NULL; table = table->next) {
        sli_put_varint(out, ((const disk_table *)table)->number);
        sli_put_i64(out, table->n_keys);
        sli_put_text(out, table->uid);
        sli_put_text(out, table->kind);
        sli_put_text(out, sl_schema_text(table->keys));
        sli_put_text(out, sl_schema_text(table->values));
    }
}

sl_code sli_disk_checkpoint(sli_store *self, const char *dir, sl_error *err)
{
    sli_disk *disk = (sli_disk *)self;
    sli_str row = {.tag = SLI_TAG_STATE};
    put_tables(disk, &row);
    sl_code rc = sli_str_check(&row, "the list of tables", err);
    if (rc == SL_OK) {
        disk->ops->put(disk->kv, (sl_bytes){own_key, sizeof own_key},
                       (sl_bytes){row.data, row.size});
        rc = disk->ops->write(disk->kv, err);
    }
    sli_str_reset(&row);
    return rc == SL_OK ? disk->ops->checkpoint(disk->kv, dir, err) : rc;
}

static bool is_taken(const sli_disk *disk, uint16_t number)
{
    const sli_table *table = disk->core.tables;
    while (table != NULL && ((const disk_table *)table)->number != number) {
        table = table->next;
    }
    return table != NULL;
}

/// A table of the job that the files do not have gets the first number that is free.
static void number_new_tables(sli_disk *disk)
{
    uint16_t number = 1;
    for (sli_table *table = disk->core.tables; table != NULL; table = table->next) {
        while (is_taken(disk, number)) {
            number++;
        }
        disk_table *own = (disk_table *)table;
        own->number = own->number == 0 ? number : own->number;
    }
}

static sl_code drop_table(sli_disk *disk, uint16_t number, sl_error *err)
{
    sl_bytes none = {NULL, 0};
    sli_str range = {.tag = SLI_TAG_STATE};
    sli_disk_key(&range, number, 0, none);
    sli_disk_key(&range, number, SLI_SLOTS, none);
    sl_code rc = sli_str_check(&range, "a table's keys", err);
    if (rc == SL_OK) {
        disk->ops->remove_range(disk->kv, (sl_bytes){range.data, SLI_KEY_HEAD},
                                (sl_bytes){range.data + SLI_KEY_HEAD, SLI_KEY_HEAD});
        rc = disk->ops->write(disk->kv, err);
    }
    sli_str_reset(&range);
    return rc;
}

/// What the files tell of a table; bytes point into their list.
typedef struct listed {
    uint16_t number;
    int64_t n_keys;
    sl_bytes uid, kind, keys, values;
} listed;
typedef sl_code (*listed_fn)(sli_disk *disk, const listed *table, sl_error *err);

/// One table of the files: the job's with its uid takes it, else it goes.
static sl_code take_table(sli_disk *disk, const listed *found, sl_error *err)
{
    sli_table *table = sli_state_table_find(&disk->core, found->uid);
    if (table == NULL) {
        return drop_table(disk, found->number, err);
    }
    SL_TRY(sli_state_table_check(table, found->kind, found->keys, found->values, err));
    ((disk_table *)table)->number = found->number;
    table->n_keys = found->n_keys;
    return SL_OK;
}

static sl_code get_listed(sli_reader *r, listed *out, sl_error *err)
{
    uint64_t number = sli_get_varint(r);
    int64_t n_keys = sli_get_i64(r);
    sl_bytes uid = sli_get_bytes(r), kind = sli_get_bytes(r);
    sl_bytes keys = sli_get_bytes(r), values = sli_get_bytes(r);
    if (r->bad || number == 0 || number > UINT16_MAX || n_keys < 0) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "the list of tables in the state's files is damaged");
    }
    *out = (listed){(uint16_t)number, n_keys, uid, kind, keys, values};
    return SL_OK;
}

static sl_code each_listed(sli_disk *disk, sl_bytes row, listed_fn each, sl_error *err)
{
    sli_reader r = sli_reader_of(row);
    uint8_t format = sli_get_u8(&r);
    if (format != SLI_DISK_FORMAT) {
        return sl_error_set(err, SL_E_INCOMPATIBLE, "the state's files have format %u, expected %d",
                            format, SLI_DISK_FORMAT);
    }
    for (sli_table *table = disk->core.tables; table != NULL; table = table->next) {
        ((disk_table *)table)->number = 0;
    }
    disk->next_age = sli_get_u64(&r);
    for (uint64_t n = sli_get_varint(&r); n > 0 && !r.bad; n--) {
        listed table = {0};
        SL_TRY(get_listed(&r, &table, err));
        SL_TRY(each(disk, &table, err));
    }
    return sli_reader_done(&r, "the list of tables in the state's files", err);
}

static sl_code read_tables(sli_disk *disk, listed_fn each, sl_error *err)
{
    void *held = NULL;
    sl_bytes row = {NULL, 0};
    SL_TRY(disk->ops->get(disk->kv, (sl_bytes){own_key, sizeof own_key}, &row, &held, err));
    sl_code rc = held != NULL
                     ? each_listed(disk, row, each, err)
                     : sl_error_set(err, SL_E_CORRUPT, "the state's files have no list of tables");
    disk->ops->release(held);
    return rc;
}

// ---------------------------------------------------------------- taking a checkpoint over

static sl_code copy_bytes(sli_file *in, sli_file *out, char *buffer, size_t room, sl_error *err)
{
    size_t n = room;
    for (int64_t at = 0; n == room; at += (int64_t)n) {
        SL_TRY(sli_file_read_at(in, at, buffer, room, &n, err));
        SL_TRY(n == 0 ? SL_OK : sli_file_write(out, buffer, n, err));
    }
    return SL_OK;
}

static sl_code copy_file(sl_env *env, const char *from, const char *to, sl_error *err)
{
    enum { ROOM = 1 << 20 };
    sli_file *in = NULL, *out = NULL;
    char *buffer = sl_alloc(SLI_TAG_STATE, ROOM);
    sl_code rc = buffer == NULL ? sl_error_nomem(err, ROOM, "a copy of a state file")
                                : sli_file_open(env, from, SLI_READ, &in, err);
    if (rc == SL_OK) {
        rc = sli_file_open(env, to, SLI_CREATE, &out, err);
    }
    if (rc == SL_OK) {
        rc = copy_bytes(in, out, buffer, ROOM, err);
    }
    sli_file_close(&in);
    sli_file_close(&out);
    sl_free(buffer);
    return rc;
}

typedef struct cloning {
    sli_disk *disk;
    const char *from;
} cloning;

/// Files that are never changed get a second name where the filesystem has such; the others are the
/// engine's to write to, so the checkpoint keeps its own.
static sl_code clone_file(void *ctx, const char *name, sl_error *err)
{
    const cloning *c = ctx;
    sli_str from = {.tag = SLI_TAG_STATE}, to = {.tag = SLI_TAG_STATE};
    size_t size = strlen(name);
    bool fixed = size > 4 && strcmp(name + size - 4, ".sst") == 0;
    sli_str_printf(&from, "%s/%s", c->from, name);
    sli_str_printf(&to, "%s/%s", c->disk->dir, name);
    sl_code rc = sli_str_check(&from, "a file's name", err);
    rc = rc == SL_OK ? sli_str_check(&to, "a file's name", err) : rc;
    sl_code linked = SL_E_UNSUPPORTED;
    if (rc == SL_OK && fixed) {
        linked = sli_env_link(c->disk->env, from.data, to.data, err);
        rc = linked == SL_E_UNSUPPORTED ? SL_OK : linked;
    }
    if (rc == SL_OK && linked == SL_E_UNSUPPORTED) {
        rc = copy_file(c->disk->env, from.data, to.data, err);
    }
    sli_str_reset(&from);
    sli_str_reset(&to);
    return rc;
}

sl_code sli_disk_restore(sli_store *self, const char *dir, sl_error *err)
{
    sli_disk *disk = (sli_disk *)self;
    cloning c = {disk, dir};
    disk->ops->close(disk->kv);
    disk->kv = NULL;
    disk->version++;
    SL_TRY(disk->fs->ops->remove(disk->fs, disk->dir, err));
    SL_TRY(sli_env_mkdirs(disk->env, disk->dir, err));
    SL_TRY(sli_env_list(disk->env, dir, clone_file, &c, err));
    SL_TRY(open_engine(disk, err));
    SL_TRY(read_tables(disk, take_table, err));
    number_new_tables(disk);
    return SL_OK;
}

// ---------------------------------------------------------------- reading a checkpoint where it is

/// As text, ended.
static sl_code text_of(sli_str *out, sl_bytes bytes, sl_error *err)
{
    sli_str_clear(out);
    sli_str_add(out, bytes.data, bytes.size);
    return sli_str_check(out, "a table of the state's files", err);
}

static sl_code parse_columns(sli_str *text, sl_bytes bytes, sl_schema **out, sl_error *err)
{
    SL_TRY(text_of(text, bytes, err));
    return sl_schema_parse(out, text->data, err);
}

/// The store keeps copies of the names, and references to the columns.
static sl_code add_table(sli_disk *disk, const listed *found, sl_error *err)
{
    sli_table *table = NULL;
    sl_schema *keys = NULL, *values = NULL;
    sli_str uid = {.tag = SLI_TAG_STATE}, text = {.tag = SLI_TAG_STATE};
    sl_code rc = parse_columns(&text, found->keys, &keys, err);
    rc = rc == SL_OK ? parse_columns(&text, found->values, &values, err) : rc;
    rc = rc == SL_OK ? text_of(&text, found->kind, err) : rc;
    rc = rc == SL_OK ? text_of(&uid, found->uid, err) : rc;
    if (rc == SL_OK) {
        sli_table_info info = {
            .uid = uid.data, .kind = text.data, .keys = keys, .values = values, .n_placing = -1};
        rc = sli_core_table(&disk->core.head, &info, &table, err);
    }
    if (rc == SL_OK) {
        ((disk_table *)table)->number = found->number;
        table->n_keys = found->n_keys;
    }
    sli_str_reset(&uid);
    sli_str_reset(&text);
    sl_schema_unref(keys);
    sl_schema_unref(values);
    return rc;
}

sl_code sli_disk_look(sli_disk *disk, const char *dir, sl_error *err)
{
    sli_kv_conf conf = {.struct_size = sizeof conf,
                        .dir = dir,
                        .cache_bytes = disk->memory_bytes,
                        .write_bytes = SLI_DISK_LEAST_BYTES,
                        .read_only = true};
    SL_TRY(disk->ops->open(&disk->kv, &conf, err));
    return read_tables(disk, add_table, err);
}
