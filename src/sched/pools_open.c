// pools_open.c — which pools there are: the options jobs.pools, jobs.pools_file and jobs.pool.
#include "sched/allocations.h"
#include "sched/sched_int.h"

enum { MOST_BYTES = 1 << 20 }; ///< of a file of pools

static const sl_option pool_options[] = {
    {.name = "mode",
     .type = SL_OPT_CHOICE,
     .fallback = "fifo",
     .choices = "fifo|fair",
     .text = "Among the pool's jobs."},
    {.name = "weight",
     .type = SL_OPT_INT,
     .fallback = "1",
     .low = "1",
     .high = "1000000",
     .text = "The pool's share of the workers, beside other pools'."},
    {.name = "min_share",
     .type = SL_OPT_INT,
     .fallback = "0",
     .low = "0",
     .high = "1024",
     .text = "Workers that the pool gets before weights count."},
    {0},
};
static const sl_option *const pool_tables[] = {pool_options, NULL};

static sl_code add_pool(sli_sched *sched, sl_text name, const sl_conf *settings, sl_error *err)
{
    sli_pool pool = {
        .name = sl_arena_printf(sched->names, "%.*s", (int)name.size, name.data),
        .is_fair = sl_conf_choice(settings, "mode") == 1,
        .weight = (int32_t)sl_conf_int64(settings, "weight"),
        .min_share = (int32_t)sl_conf_int64(settings, "min_share"),
    };
    if (pool.name == NULL) {
        return sl_error_nomem(err, name.size, "a pool");
    }
    int32_t at = 0; // "default" is there, once its settings may be given
    while (at < sched->n_pools && strcmp(sched->pools[at].name, pool.name) != 0) {
        at++;
    }
    if (at < sched->n_pools && (at > 0 || sched->is_default_set)) {
        return sl_error_set(err, SL_E_CONFIG, "pool \"%.100s\" stands twice", pool.name);
    }
    if (at == SLI_MAX_POOLS) {
        return sl_error_set(err, SL_E_CONFIG, "at most %d pools", SLI_MAX_POOLS - 1);
    }
    sched->is_default_set = sched->is_default_set || at == 0;
    sched->n_pools += at == sched->n_pools;
    sched->pools[at] = pool;
    return SL_OK;
}

// ---------------------------------------------------------------- from the option

static sl_code add_text(sli_sched *sched, sl_text name, sl_text settings, sl_error *err)
{
    sl_conf *conf = NULL;
    SL_TRY(sl_conf_new(&conf, "pool", pool_tables, err));
    sl_code rc = sl_conf_parse_query(conf, settings, err);
    if (rc != SL_OK) {
        sl_error_wrap(err, rc, "pool \"%.*s\"", name.size < 100 ? (int)name.size : 100, name.data);
    }
    rc = rc != SL_OK ? rc : add_pool(sched, name, conf, err);
    sl_conf_free(conf);
    return rc;
}

/// "NAME?weight=2&min_share=1&mode=fair NAME ...", spaces or commas between.
static sl_code read_text(sli_sched *sched, const char *text, sl_error *err)
{
    for (;;) {
        text += strspn(text, " ,");
        size_t size = strcspn(text, " ,");
        if (size == 0) {
            return SL_OK;
        }
        const char *mark = memchr(text, '?', size);
        size_t name = mark == NULL ? size : (size_t)(mark - text);
        sl_text settings = {mark == NULL ? "" : mark + 1, mark == NULL ? 0 : size - name - 1};
        if (name == 0) {
            return sl_error_set(err, SL_E_CONFIG, "a pool without a name");
        }
        SL_TRY(add_text(sched, (sl_text){text, name}, settings, err));
        text += size;
    }
}

// ---------------------------------------------------------------- from Spark's file

/// Spark's words for the mode are ours in capitals, or in small letters.
static sl_text our_word(sl_text text)
{
    return sli_text_is(text, "FIFO")   ? sli_text_of("fifo")
           : sli_text_is(text, "FAIR") ? sli_text_of("fair")
                                       : text;
}

static sl_code put_values(sl_conf *conf, const sli_allocation *pool, sl_error *err)
{
    static const char *const ours[SLI_ALLOCATION_KEYS] = {"mode", "weight", "min_share"};
    for (int32_t key = 0; key < SLI_ALLOCATION_KEYS; key++) {
        if (pool->values[key].data == NULL) {
            continue;
        }
        sl_code rc = sl_conf_set(conf, ours[key], our_word(pool->values[key]), err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "line %d: <%s>", pool->lines[key],
                                 sli_allocation_names[key]);
        }
    }
    return SL_OK;
}

static sl_code add_allocation(void *ctx, const sli_allocation *pool, sl_error *err)
{
    sl_conf *conf = NULL;
    SL_TRY(sl_conf_new(&conf, "pool", pool_tables, err));
    sl_code rc = put_values(conf, pool, err);
    if (rc == SL_OK) {
        rc = add_pool(ctx, pool->name, conf, err);
        rc = rc == SL_OK ? rc : sl_error_wrap(err, rc, "line %d", pool->line);
    }
    sl_conf_free(conf);
    return rc;
}

/// "conf/pools.xml", or as Spark's users write it, "file:///conf/pools.xml".
static sl_code path_of(const char *text, char **path, sl_error *err)
{
    sli_url url;
    SL_TRY(sli_url_parse(text, &url, err));
    if (!sli_text_is(url.scheme, "file") || url.host.size > 0 || url.query.size > 0) {
        return sl_error_set(err, SL_E_CONFIG, "only a file of this machine is read");
    }
    *path = sl_strndup(SLI_TAG_SCHED, url.path.data, url.path.size);
    return *path != NULL ? SL_OK : sl_error_nomem(err, url.path.size, "a path");
}

static sl_code read_file(sli_sched *sched, const char *text, sl_error *err)
{
    char *path = NULL, *bytes = NULL;
    size_t size = 0;
    sl_code rc = path_of(text, &path, err);
    rc = rc != SL_OK ? rc
                     : sli_env_read_file(sched->runtime->env, path, MOST_BYTES, &bytes, &size, err);
    rc =
        rc != SL_OK ? rc : sli_allocations_each((sl_text){bytes, size}, add_allocation, sched, err);
    sl_free(bytes);
    sl_free(path);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "jobs.pools_file, %.200s", text);
}

// ---------------------------------------------------------------- life

static sl_code read_pools(sli_sched *sched, const sl_conf *conf, sl_error *err)
{
    const char *text = sl_conf_text(conf, "jobs.pools");
    const char *file = sl_conf_text(conf, "jobs.pools_file");
    SL_TRY(file == NULL ? SL_OK : read_file(sched, file, err));
    sl_code rc = text == NULL ? SL_OK : read_text(sched, text, err);
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "jobs.pools");
    }
    rc = sli_sched_pool(sched, sl_conf_text(conf, "jobs.pool"), &sched->context.pool, err);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "jobs.pool");
}

sl_code sli_pools_open(sli_sched *sched, const sl_conf *conf, sl_error *err)
{
    sched->concurrent = (int32_t)sl_conf_int64(conf, "jobs.concurrent");
    sched->is_fair = sl_conf_choice(conf, "jobs.mode") == 1;
    sched->names = sl_arena_new(SLI_TAG_SCHED);
    sched->n_at_home = sl_alloc_array(SLI_TAG_SCHED, (size_t)sched->n_workers, sizeof(int32_t));
    sched->pools = sl_alloc_array(SLI_TAG_SCHED, SLI_MAX_POOLS, sizeof *sched->pools);
    if (sched->names == NULL || sched->n_at_home == NULL || sched->pools == NULL) {
        return sl_error_nomem(err, SLI_MAX_POOLS * sizeof *sched->pools, "the pools of jobs");
    }
    sched->pools[0] = (sli_pool){.name = "default", .weight = 1};
    sched->n_pools = 1;
    sched->context.pool = 1;
    return read_pools(sched, conf, err);
}

void sli_pools_close(sli_sched *sched)
{
    sl_free(sched->pools);
    sl_free(sched->n_at_home);
    sl_arena_free(sched->names);
}

int32_t sli_sched_concurrent(const sli_sched *sched)
{
    return sched->concurrent;
}

sl_code sli_sched_pool(const sli_sched *sched, const char *name, int32_t *out, sl_error *err)
{
    const char *names[SLI_MAX_POOLS + 1] = {NULL};
    *out = sched->context.pool;
    if (name == NULL || !sched->is_fair) {
        return SL_OK;
    }
    for (int32_t i = 0; i < sched->n_pools; i++) {
        names[i] = sched->pools[i].name;
        if (strcmp(names[i], name) == 0) {
            *out = i + 1;
            return SL_OK;
        }
    }
    const char *near = sli_nearest(name, names);
    return sl_error_set(err, SL_E_CONFIG,
                        "jobs.pools and jobs.pools_file have no pool \"%.100s\"%s%s%s", name,
                        near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                        near == NULL ? "" : "\"?");
}
