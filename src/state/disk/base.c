// The disk store's base: rows in an ordered key-value engine, and the store's table of functions.
#include "state/disk/disk_int.h"

#include "env/module.h"

#include <stdlib.h>

// ---------------------------------------------------------------- rows

static void put_u16(sli_str *out, uint32_t v)
{
    const char bytes[2] = {(char)(v >> 8), (char)(v & 255)}; // big-endian: the engine sorts bytes
    sli_str_add(out, bytes, sizeof bytes);
}

void sli_disk_key(sli_str *out, uint16_t table, int32_t slot, sl_bytes key)
{
    put_u16(out, table);
    put_u16(out, (uint32_t)slot);
    sli_str_add(out, key.data, key.size);
}

static bool is_found(const sli_core *core, const sli_table *of, int32_t slot, sl_bytes key,
                     const sli_found *found)
{
    const sli_disk *disk = (const sli_disk *)core;
    uint16_t table = ((const disk_table *)of)->number;
    const char head[SLI_KEY_HEAD] = {(char)(table >> 8), (char)(table & 255), (char)(slot >> 8),
                                     (char)(slot & 255)};
    return found->version == disk->version && found->key.size == SLI_KEY_HEAD + key.size &&
           memcmp(found->key.data, head, SLI_KEY_HEAD) == 0 &&
           (key.size == 0 || memcmp(found->key.data + SLI_KEY_HEAD, key.data, key.size) == 0);
}

/// The engine's bytes are copied, since what it holds for a reader it can't give up.
static sl_code take_row(sl_bytes row, sli_found *out, sl_error *err)
{
    sli_reader r = sli_reader_of(row);
    out->mark = sli_get_u64(&r);
    if (r.bad) {
        return sl_error_set(err, SL_E_CORRUPT, "a row of the state's files has no age");
    }
    sli_str_clear(&out->bytes);
    sli_str_add(&out->bytes, r.at, (size_t)(r.end - r.at));
    out->value = (sl_bytes){out->bytes.data, out->bytes.size};
    return sli_str_check(&out->bytes, "a state row", err);
}

static sl_code find(sli_core *core, sli_table *table, int32_t slot, sl_bytes key, sli_found *out,
                    sl_error *err)
{
    sli_disk *disk = (sli_disk *)core;
    uint16_t number = ((const disk_table *)table)->number;
    if (is_found(core, table, slot, key, out)) {
        return SL_OK;
    }
    void *held = NULL;
    sl_bytes row = {NULL, 0};
    out->version = 0;
    sli_str_clear(&out->key);
    sli_disk_key(&out->key, number, slot, key);
    SL_TRY(sli_str_check(&out->key, "a state key", err));
    SL_TRY(disk->ops->get(disk->kv, (sl_bytes){out->key.data, out->key.size}, &row, &held, err));
    out->there = held != NULL;
    sl_code rc = out->there ? take_row(row, out, err) : SL_OK;
    disk->ops->release(held);
    out->version = rc == SL_OK ? disk->version : 0;
    return rc;
}

typedef struct asking {
    const sli_question *questions;
    sli_answer_fn answer;
    void *ctx;
} asking;

static sl_code pass_on(void *ctx, int32_t i, const sl_bytes *row, sl_error *err)
{
    const asking *a = ctx;
    if (row == NULL) {
        return a->answer(a->ctx, &a->questions[i], false, 0, (sl_bytes){NULL, 0}, err);
    }
    sli_reader r = sli_reader_of(*row);
    uint64_t age = sli_get_u64(&r);
    if (r.bad) {
        return sl_error_set(err, SL_E_CORRUPT, "a row of the state's files has no age");
    }
    return a->answer(a->ctx, &a->questions[i], true, age, (sl_bytes){r.at, (size_t)(r.end - r.at)},
                     err);
}

static sl_code find_many(sli_core *core, sli_table *table, const sli_question *questions, int32_t n,
                         sli_answer_fn answer, void *ctx, sl_error *err)
{
    sli_disk *disk = (sli_disk *)core;
    asking a = {questions, answer, ctx};
    sli_str bytes = {.tag = SLI_TAG_STATE};
    sl_bytes *keys = sl_alloc(SLI_TAG_STATE, (size_t)n * sizeof *keys);
    for (int32_t i = 0; i < n && keys != NULL; i++) {
        keys[i].size = SLI_KEY_HEAD + questions[i].key.size;
        sli_disk_key(&bytes, ((const disk_table *)table)->number, questions[i].slot,
                     questions[i].key);
    }
    sl_code rc = keys == NULL ? sl_error_nomem(err, (size_t)n * sizeof *keys, "keys of a view")
                              : sli_str_check(&bytes, "keys of a view", err);
    if (rc == SL_OK) {
        const char *at = bytes.data; // no longer moves
        for (int32_t i = 0; i < n; at += keys[i++].size) {
            keys[i].data = at;
        }
        rc = disk->ops->get_many(disk->kv, keys, n, pass_on, &a, err);
    }
    sl_free(keys);
    sli_str_reset(&bytes);
    return rc;
}

static sl_code grow_rows(sli_disk *disk, sl_error *err)
{
    if (disk->n_rows < disk->row_capacity) {
        return SL_OK;
    }
    int32_t capacity = disk->row_capacity == 0 ? 1024 : disk->row_capacity * 2;
    sli_staged *more = sl_realloc(SLI_TAG_STATE, disk->rows, (size_t)capacity * sizeof *more);
    if (more == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof *more, "rows to be written");
    }
    disk->rows = more;
    disk->row_capacity = capacity;
    return SL_OK;
}

/// Notes a row, or with `value` NULL that it goes.
static sl_code stage(sli_disk *disk, uint16_t table, const sli_entry *change, uint64_t age,
                     const sl_bytes *value, sl_error *err)
{
    sli_staged row = {disk->staged.size, SLI_KEY_HEAD + change->key_size, SLI_STAGED_REMOVED};
    SL_TRY(grow_rows(disk, err));
    sli_disk_key(&disk->staged, table, change->slot, sli_entry_key(change));
    if (value != NULL) {
        row.value_size = (uint32_t)(SLI_AGE_BYTES + value->size);
        sli_put_u64(&disk->staged, age);
        sli_str_add(&disk->staged, value->data, value->size);
    }
    disk->rows[disk->n_rows++] = row;
    return sli_str_check(&disk->staged, "rows to be written", err);
}

/// Whether the base has the row; *age is its age. A view has looked already, a delta has not.
static sl_code find_age(sli_core *core, sli_table *table, const sli_entry *change, uint64_t mark,
                        bool *there, uint64_t *age, sl_error *err)
{
    *there = mark != 0;
    *age = mark;
    if (mark == 0 && change->change != SLI_ADDED) {
        SL_TRY(find(core, table, change->slot, sli_entry_key(change), &core->found, err));
        *there = core->found.there;
        *age = core->found.mark;
    }
    return SL_OK;
}

static sl_code change(sli_core *core, sli_table *table, const sli_entry *change, uint64_t mark,
                      sl_error *err)
{
    sli_disk *disk = (sli_disk *)core;
    uint16_t number = ((const disk_table *)table)->number;
    uint64_t age = 0;
    bool there = false;
    SL_TRY(find_age(core, table, change, mark, &there, &age, err));
    disk->version++;
    if (change->change == SLI_REMOVED) {
        table->n_keys -= there ? 1 : 0;
        return there ? stage(disk, number, change, 0, NULL, err) : SL_OK;
    }
    bool in_place = there && change->change != SLI_MOVED;
    sl_bytes value = sli_entry_value(change);
    SL_TRY(stage(disk, number, change, in_place ? age : disk->next_age++, &value, err));
    table->n_keys += there ? 0 : 1;
    return disk->staged.size < SLI_STAGED_BYTES ? SL_OK : sli_disk_settle(core, err);
}

static int by_key(const void *a, const void *b, void *bytes)
{
    const sli_staged *x = a, *y = b;
    const char *at = bytes;
    uint32_t least = x->key_size < y->key_size ? x->key_size : y->key_size;
    int order = memcmp(at + x->at, at + y->at, least);
    return order != 0 ? order : (x->key_size > y->key_size) - (x->key_size < y->key_size);
}

sl_code sli_disk_settle(sli_core *core, sl_error *err)
{
    sli_disk *disk = (sli_disk *)core;
    if (disk->n_rows > 1) {
        qsort_r(disk->rows, (size_t)disk->n_rows, sizeof *disk->rows, by_key, disk->staged.data);
    }
    for (int32_t i = 0; i < disk->n_rows; i++) {
        const sli_staged *row = &disk->rows[i];
        const char *at = disk->staged.data + row->at;
        sl_bytes key = {at, row->key_size};
        if (row->value_size == SLI_STAGED_REMOVED) {
            disk->ops->remove(disk->kv, key);
        } else {
            disk->ops->put(disk->kv, key, (sl_bytes){at + row->key_size, row->value_size});
        }
    }
    disk->n_rows = 0;
    sli_str_clear(&disk->staged);
    return disk->ops->write(disk->kv, err);
}

const sli_base_ops sli_disk_base = {
    .table_bytes = sizeof(disk_table),
    .find = find,
    .find_many = find_many,
    .is_found = is_found,
    .each = sli_disk_each,
    .change = change,
    .settle = sli_disk_settle,
};

// ---------------------------------------------------------------- the store

static void disk_close(sli_store *self)
{
    sli_disk *disk = (sli_disk *)self;
    if (disk->kv != NULL) {
        disk->ops->close(disk->kv);
    }
    if (disk->fs != NULL && disk->dir != NULL) {
        (void)!disk->fs->ops->remove(disk->fs, disk->dir, NULL); // else the next life does
    }
    if (disk->fs != NULL) {
        disk->fs->ops->close(disk->fs);
    }
    sli_core_reset(&disk->core);
    sl_free(disk->dir);
    sli_str_reset(&disk->staged);
    sl_free(disk->rows);
    sl_free(disk);
}

static sl_code load_module(sli_disk *disk, const char *modules, sl_error *err)
{
    static const sli_module_want want = {.name = "state_rocksdb",
                                         .abi = SLI_KV_ABI,
                                         .why = "state.store=rocksdb",
                                         .package = "libsluice-rocksdb",
                                         .library = "librocksdb-dev"};
    const sli_module *module = NULL;
    SL_TRY(sli_module_load(disk->env, modules, &want, &module, err));
    disk->ops = module->table;
    return SL_OK;
}

static sl_code open_dir(sli_disk *disk, const char *dir, sl_error *err)
{
    SL_TRY(sli_fs_open_local(&disk->fs, disk->env, err));
    disk->dir = sl_strdup(SLI_TAG_STATE, dir);
    if (disk->dir == NULL) {
        return sl_error_nomem(err, strlen(dir), "a directory's name");
    }
    SL_TRY(disk->fs->ops->remove(disk->fs, dir, err)); // of a life that was killed
    return sli_disk_open_engine(disk, err);
}

/// Without files yet.
static sl_code new_disk(sli_disk **out, const sli_state_env *env, sl_error *err)
{
    sli_disk *disk = sl_alloc_zero(SLI_TAG_STATE, sizeof *disk);
    if (disk == NULL) {
        return sl_error_nomem(err, sizeof *disk, "the state store");
    }
    disk->env = env->env;
    disk->next_age = disk->version = 1;
    disk->memory_bytes =
        env->memory_bytes > SLI_DISK_LEAST_BYTES ? env->memory_bytes : SLI_DISK_LEAST_BYTES;
    sli_core_init(&disk->core, &sli_store_rocksdb, &sli_disk_base, env->budget, disk->memory_bytes);
    sl_code rc = load_module(disk, env->modules, err);
    if (rc != SL_OK) {
        disk_close(&disk->core.head);
        return rc;
    }
    *out = disk;
    return SL_OK;
}

static sl_code disk_open(sli_store **out, const sli_state_env *env, sl_error *err)
{
    sli_disk *disk = NULL;
    SL_TRY(new_disk(&disk, env, err));
    sl_code rc = open_dir(disk, env->dir, err);
    if (rc != SL_OK) {
        disk_close(&disk->core.head);
        return rc;
    }
    *out = &disk->core.head;
    return SL_OK;
}

static sl_code disk_look(sli_store **out, const sli_state_env *env, sl_error *err)
{
    sli_disk *disk = NULL;
    SL_TRY(new_disk(&disk, env, err));
    sl_code rc = sli_disk_look(disk, env->dir, err);
    if (rc != SL_OK) {
        disk_close(&disk->core.head);
        return rc;
    }
    *out = &disk->core.head;
    return SL_OK;
}

static sl_code disk_table_open(sli_store *self, const sli_table_info *info, sli_table **out,
                               sl_error *err)
{
    const sli_disk *disk = (const sli_disk *)self;
    uint16_t number = 1;
    for (const sli_table *table = disk->core.tables; table != NULL; table = table->next) {
        number++;
    }
    SL_TRY(sli_core_table(self, info, out, err));
    ((disk_table *)*out)->number = number;
    return SL_OK;
}

const sli_store_ops sli_store_rocksdb = {
    .struct_size = sizeof(sli_store_ops),
    .name = "rocksdb",
    .open = disk_open,
    .table = disk_table_open,
    .begin = sli_core_begin,
    .find = sli_core_find,
    .put = sli_core_put,
    .remove = sli_core_remove,
    .each = sli_core_each,
    .oldest = sli_core_oldest,
    .done = sli_core_done,
    .drop = sli_core_drop,
    .complete = sli_core_complete,
    .fail = sli_core_fail,
    .cut = sli_core_cut,
    .apply = sli_core_apply,
    .dump = sli_core_dump,
    .load = sli_core_load,
    .keys = sli_core_keys,
    .bytes = sli_core_bytes,
    .close = disk_close,
    .fetch = sli_core_fetch,
    .checkpoint = sli_disk_checkpoint,
    .restore = sli_disk_restore,
    .look = disk_look,
};
