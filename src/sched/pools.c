// pools.c — which job's task goes out next, when several jobs want the workers.
//
// As in Spark: by FIFO the earlier job's tasks first; by FAIR pools share the workers: first those
// that run fewer tasks than their min_share, the one that is farthest from it first; then by tasks
// that run, divided by weight. Within a pool by FIFO or, with mode=fair, the job that runs the
// fewest. Ties go to the pool named first, and the earlier job.
//
// Where only one job may run, all of its tasks go out at once and the backend's queues do the rest.
// Else no more go out than there are workers, so that each choice is made as late as can be, and of
// those that must run at home one a home.
#include "sched/sched_int.h"

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

// ---------------------------------------------------------------- settings

static sl_code add_pool(sli_sched *sched, sl_text name, sl_text settings, sl_error *err)
{
    static const sl_option *const tables[] = {pool_options, NULL};
    sli_pool pool = {.name = sl_arena_printf(sched->names, "%.*s", (int)name.size, name.data)};
    sl_conf *conf = NULL;
    if (pool.name == NULL) {
        return sl_error_nomem(err, name.size, "a pool");
    }
    if (sched->n_pools == SLI_MAX_POOLS) {
        return sl_error_set(err, SL_E_CONFIG, "jobs.pools: at most %d pools", SLI_MAX_POOLS - 1);
    }
    for (int32_t i = 1; i < sched->n_pools; i++) {
        if (strcmp(sched->pools[i].name, pool.name) == 0) {
            return sl_error_set(err, SL_E_CONFIG, "jobs.pools: pool \"%.100s\" stands twice",
                                pool.name);
        }
    }
    bool is_default = strcmp(pool.name, sched->pools[0].name) == 0;
    SL_TRY(sl_conf_new(&conf, "pool", tables, err));
    sl_code rc = sl_conf_parse_query(conf, settings, err);
    if (rc == SL_OK) {
        pool.is_fair = sl_conf_choice(conf, "mode") == 1;
        pool.weight = (int32_t)sl_conf_int64(conf, "weight");
        pool.min_share = (int32_t)sl_conf_int64(conf, "min_share");
        sched->pools[is_default ? 0 : sched->n_pools++] = pool;
    }
    sl_conf_free(conf);
    return rc == SL_OK ? rc : sl_error_wrap(err, rc, "jobs.pools, pool \"%.100s\"", pool.name);
}

/// "NAME?weight=2&min_share=1&mode=fair NAME ...", spaces or commas between.
static sl_code read_pools(sli_sched *sched, const char *text, sl_error *err)
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
            return sl_error_set(err, SL_E_CONFIG, "jobs.pools: a pool without a name");
        }
        SL_TRY(add_pool(sched, (sl_text){text, name}, settings, err));
        text += size;
    }
}

sl_code sli_pools_open(sli_sched *sched, const sl_conf *conf, sl_error *err)
{
    const char *text = sl_conf_text(conf, "jobs.pools");
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
    return text == NULL ? SL_OK : read_pools(sched, text, err);
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
    *out = 0;
    if (name == NULL || !sched->is_fair) {
        return SL_OK;
    }
    for (int32_t i = 0; i < sched->n_pools; i++) {
        names[i] = sched->pools[i].name;
        if (strcmp(names[i], name) == 0) {
            *out = i;
            return SL_OK;
        }
    }
    const char *near = sli_nearest(name, names);
    return sl_error_set(err, SL_E_CONFIG, "there is no pool \"%.100s\" in jobs.pools%s%s%s", name,
                        near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                        near == NULL ? "" : "\"?");
}

// ---------------------------------------------------------------- who is next

/// What is compared: a pool among pools, a job among a pool's jobs.
typedef struct share {
    int64_t n_out, weight, min_share, order;
} share;

/// Numbers are compared as fractions: a / b < c / d.
static bool is_less(int64_t a, int64_t b, int64_t c, int64_t d, bool otherwise)
{
    return a * d != c * b ? a * d < c * b : otherwise;
}

/// Spark's FairSchedulingAlgorithm.
static bool is_before(share a, share b)
{
    bool first = a.order < b.order;
    bool a_needs = a.n_out < a.min_share, b_needs = b.n_out < b.min_share;
    if (a_needs != b_needs) {
        return a_needs;
    }
    return a_needs ? is_less(a.n_out, a.min_share, b.n_out, b.min_share, first)
                   : is_less(a.n_out, a.weight, b.n_out, b.weight, first);
}

static share share_of_pool(const sli_sched *sched, int32_t pool)
{
    const sli_pool *p = &sched->pools[pool];
    return (share){p->n_out, p->weight, p->min_share, pool};
}

static bool goes_before(const sli_run *a, const sli_run *b)
{
    const sli_sched *sched = a->sched;
    if (sched->is_fair && a->context.pool != b->context.pool) {
        return is_before(share_of_pool(sched, a->context.pool),
                         share_of_pool(sched, b->context.pool));
    }
    if (sched->is_fair && sched->pools[a->context.pool].is_fair) {
        return is_before((share){a->n_out, 1, 0, a->number}, (share){b->n_out, 1, 0, b->number});
    }
    return a->number < b->number;
}

// ---------------------------------------------------------------- what can go out

static bool has_place(const sli_sched *sched, const sli_unit *unit)
{
    const sli_work *work = &unit->first.work;
    return sched->concurrent == 1 || work->may_move ||
           sched->n_at_home[work->home % sched->n_workers] == 0;
}

/// Brings the first unit that may go out to the front of those that wait. NULL: there is none.
static sli_unit *first_with_place(const sli_run *run)
{
    sli_wave *wave = run->wave;
    int32_t at = wave->n_given;
    while (at < wave->n && !has_place(run->sched, wave->list[at])) {
        at++;
    }
    if (at == wave->n) {
        return NULL;
    }
    sli_unit *unit = wave->list[at];
    for (; at > wave->n_given; at--) {
        wave->list[at] = wave->list[at - 1];
    }
    wave->list[at] = unit;
    return unit;
}

sli_try *sli_pools_pick(sli_sched *sched)
{
    sli_run *best = NULL;
    sli_unit *unit = NULL;
    if (sched->concurrent > 1 && sched->n_out >= sched->n_workers) {
        return NULL;
    }
    for (sli_run *run = sched->runs; run != NULL; run = run->next) {
        bool waits = run->state == SLI_RUN_OUT && run->wave->n_given < run->wave->n;
        if (waits && (best == NULL || goes_before(run, best))) {
            sli_unit *first = first_with_place(run);
            best = first == NULL ? best : run;
            unit = first == NULL ? unit : first;
        }
    }
    return unit == NULL ? NULL : &unit->first;
}
