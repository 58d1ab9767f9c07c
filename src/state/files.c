// A store's files in a snapshot, read where they lie, for who has no graph.
#include "state/state_int.h"

struct sli_kept_files {
    sli_store *store;
    sli_table **tables;
    int32_t n;
};

static const sli_store_ops *store_named(const char *name)
{
    const sli_store_ops *const *at = sli_stores;
    while (*at != NULL && strcmp((*at)->name, name) != 0) {
        at++;
    }
    return *at != NULL && (*at)->look != NULL ? *at : NULL;
}

static sl_code list_tables(sli_kept_files *files, sl_error *err)
{
    sli_table *first = ((sli_core *)files->store)->tables;
    int32_t n = 0;
    for (const sli_table *table = first; table != NULL; table = table->next) {
        n++;
    }
    files->tables = sl_alloc_array(SLI_TAG_STATE, (size_t)n + 1, sizeof(sli_table *));
    if (files->tables == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof(sli_table *), "tables of state");
    }
    for (sli_table *table = first; table != NULL; table = table->next) {
        files->tables[files->n++] = table;
    }
    return SL_OK;
}

sl_code sli_kept_files_open(sli_kept_files **out, const char *store, const sli_state_env *env,
                            sl_error *err)
{
    const sli_store_ops *ops = store_named(store);
    if (ops == NULL) {
        return sl_error_set(err, SL_E_INCOMPATIBLE,
                            "state was written by the store \"%.64s\", which this Sluice does not "
                            "have",
                            store);
    }
    sli_kept_files *files = sl_alloc_zero(SLI_TAG_STATE, sizeof *files);
    if (files == NULL) {
        return sl_error_nomem(err, sizeof *files, "files of state");
    }
    sl_code rc = ops->look(&files->store, env, err);
    rc = rc == SL_OK ? list_tables(files, err) : rc;
    if (rc != SL_OK) {
        sli_kept_files_close(files);
        return rc;
    }
    *out = files;
    return SL_OK;
}

void sli_kept_files_close(sli_kept_files *files)
{
    if (files != NULL) {
        if (files->store != NULL) {
            files->store->ops->close(files->store);
        }
        sl_free(files->tables);
        sl_free(files);
    }
}

int32_t sli_kept_files_tables(const sli_kept_files *files)
{
    return files->n;
}

sli_table_info sli_kept_files_table(const sli_kept_files *files, int32_t i)
{
    const sli_table *table = files->tables[i];
    return (sli_table_info){.uid = table->uid,
                            .kind = table->kind,
                            .keys = table->keys,
                            .values = table->values,
                            .n_placing = -1};
}

sl_code sli_kept_files_dump(const sli_kept_files *files, int32_t i, int32_t from, int32_t to,
                            sli_state_fn each, void *ctx, sl_error *err)
{
    return files->store->ops->dump(files->store, files->tables[i], from, to, each, ctx, err);
}
