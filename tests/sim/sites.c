// Every kind of outside call, merged over all worlds of the program: how often it was called,
// crashed at and failed.
#include "sim/sim.h"

#include <stdio.h>

static sli_site *table(int32_t **n)
{
    static sli_site
        sites[SLT_MOST_SITES]; // the program's one table: tests add, the last one prints
    static int32_t n_sites;
    *n = &n_sites;
    return sites;
}

void slt_sites_add(const sli_world *world)
{
    int32_t *n = NULL;
    sli_site *sites = table(&n);
    const sli_site *more = NULL;
    int32_t n_more = sli_world_sites(world, &more);
    SL_ASSERT(n_more <= SLT_MOST_SITES, "more call sites than the table has room for");
    *n = n_more;
    for (int32_t i = 0; i < n_more; i++) {
        sites[i].name = more[i].name;
        sites[i].answers_only = more[i].answers_only;
        sites[i].calls += more[i].calls;
        sites[i].crashes += more[i].crashes;
        sites[i].failures += more[i].failures;
    }
}

void slt_sites_calls(int64_t calls[SLT_MOST_SITES])
{
    int32_t *n = NULL;
    const sli_site *sites = table(&n);
    for (int32_t i = 0; i < SLT_MOST_SITES; i++) {
        calls[i] = i < *n ? sites[i].calls : 0;
    }
}

/// What no job here calls. Only the state store on disk links files, and a simulated world has
/// none: tests/contract/state_store_test.c kills the real program at these. Transactions of Kafka
/// are aborted after a failure alone, so no job dies there: src/kafka/sim/ has crash tests of its
/// own.
bool slt_site_is_elsewhere(const char *name)
{
    return strcmp(name, "path.link") == 0 || strcmp(name, "kafka.abort") == 0;
}

static const char *remark(const sli_site *site)
{
    return site->answers_only                  ? "  (only answers)"
           : slt_site_is_elsewhere(site->name) ? "  (tried elsewhere)"
                                               : "";
}

static bool is_missing(const sli_site *site)
{
    return !slt_site_is_elsewhere(site->name) &&
           (site->calls == 0 || (!site->answers_only && site->crashes == 0));
}

bool slt_sites_tell(char *missing, size_t size)
{
    int32_t *n = NULL;
    const sli_site *sites = table(&n);
    bool all = true;
    missing[0] = '\0';
    printf("# %-18s %12s %10s %10s\n", "call site", "calls", "crashes", "failures");
    for (int32_t i = 0; i < *n; i++) {
        const sli_site *s = &sites[i];
        printf("# %-18s %12lld %10lld %10lld%s\n", s->name, (long long)s->calls,
               (long long)s->crashes, (long long)s->failures, remark(s));
        if (is_missing(s)) {
            size_t used = strlen(missing);
            (void)snprintf(missing + used, size - used, " %s", s->name);
            all = false;
        }
    }
    return all;
}
