// The disk store's base: rows in an ordered key-value engine, and the store's table of functions.
#include "state/disk/disk_int.h"

#include "env/module.h"

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

static bool was_just_found(const sli_disk *disk, const sli_found *found, uint16_t table,
                           int32_t slot, sl_bytes key)
{
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
    if (was_just_found(disk, out, number, slot, key)) {
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

static void stage(sli_disk *disk, uint64_t age, sl_bytes value)
{
    sl_bytes key = {disk->key.data, disk->key.size};
    sli_str_clear(&disk->value);
    sli_put_u64(&disk->value, age);
    sli_str_add(&disk->value, value.data, value.size);
    if (!disk->value.failed) {
        disk->ops->put(disk->kv, key, (sl_bytes){disk->value.data, disk->value.size});
    }
    disk->staged += (int64_t)(disk->key.size + disk->value.size);
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
    uint64_t age = 0;
    bool there = false;
    SL_TRY(find_age(core, table, change, mark, &there, &age, err));
    disk->version++;
    sli_str_clear(&disk->key);
    sli_disk_key(&disk->key, ((const disk_table *)table)->number, change->slot,
                 sli_entry_key(change));
    SL_TRY(sli_str_check(&disk->key, "a state key", err));
    if (change->change == SLI_REMOVED) {
        if (there) {
            disk->ops->remove(disk->kv, (sl_bytes){disk->key.data, disk->key.size});
            table->n_keys--;
        }
        return SL_OK;
    }
    bool in_place = there && change->change != SLI_MOVED;
    stage(disk, in_place ? age : disk->next_age++, sli_entry_value(change));
    table->n_keys += there ? 0 : 1;
    SL_TRY(sli_str_check(&disk->value, "a state row", err));
    return disk->staged < SLI_STAGED_BYTES ? SL_OK : sli_disk_settle(core, err);
}

sl_code sli_disk_settle(sli_core *core, sl_error *err)
{
    sli_disk *disk = (sli_disk *)core;
    disk->staged = 0;
    return disk->ops->write(disk->kv, err);
}

const sli_base_ops sli_disk_base = {
    .table_bytes = sizeof(disk_table),
    .find = find,
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
    sli_str_reset(&disk->key);
    sli_str_reset(&disk->value);
    sl_free(disk);
}

static sl_code load_module(sli_disk *disk, const char *modules, sl_error *err)
{
    static const sli_module_want want = {"state_rocksdb", SLI_KV_ABI, "state.store=rocksdb",
                                         "librocksdb-dev"};
    const sli_module *module = NULL;
    SL_TRY(sli_module_load(disk->env, modules, &want, &module, err));
    disk->ops = module->table;
    return SL_OK;
}

static sl_code open_dir(sli_disk *disk, const char *dir, sl_error *err)
{
    SL_TRY(sli_fs_local.open(&disk->fs, NULL, disk->env, err));
    disk->dir = sl_strdup(SLI_TAG_STATE, dir);
    if (disk->dir == NULL) {
        return sl_error_nomem(err, strlen(dir), "a directory's name");
    }
    SL_TRY(disk->fs->ops->remove(disk->fs, dir, err)); // of a life that was killed
    return sli_disk_open_engine(disk, err);
}

static sl_code disk_open(sli_store **out, const sli_state_env *env, sl_error *err)
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
    if (rc == SL_OK) {
        rc = open_dir(disk, env->dir, err);
    }
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
    .done = sli_core_done,
    .drop = sli_core_drop,
    .complete = sli_core_complete,
    .fail = sli_core_fail,
    .delta = sli_core_delta,
    .apply = sli_core_apply,
    .dump = sli_core_dump,
    .load = sli_core_load,
    .keys = sli_core_keys,
    .bytes = sli_core_bytes,
    .close = disk_close,
    .checkpoint = sli_disk_checkpoint,
    .restore = sli_disk_restore,
};
