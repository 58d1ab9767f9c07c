// things.c — what folders above keep with a runtime: found by name, freed at its end, the last one
// first.
#include "rdd/rdd_int.h"

struct sli_runtime_thing {
    const char *name;
    void *thing;
    void (*free)(void *thing);
    struct sli_runtime_thing *next;
};

sl_code sli_runtime_own(sli_runtime *runtime, const char *name, void *thing,
                        void (*drop)(void *thing), sl_error *err)
{
    struct sli_runtime_thing *owned = sl_alloc(SLI_TAG_RDD, sizeof *owned);
    if (owned == NULL) {
        if (drop != NULL) {
            drop(thing);
        }
        return sl_error_nomem(err, sizeof *owned, "a part of a session");
    }
    *owned = (struct sli_runtime_thing){name, thing, drop, runtime->things};
    runtime->things = owned;
    return SL_OK;
}

void *sli_runtime_owned(const sli_runtime *runtime, const char *name)
{
    for (const struct sli_runtime_thing *t = runtime->things; t != NULL; t = t->next) {
        if (strcmp(t->name, name) == 0) {
            return t->thing;
        }
    }
    return NULL;
}

void sli_runtime_give_back(sli_runtime *runtime, const char *name)
{
    for (struct sli_runtime_thing **at = &runtime->things; *at != NULL; at = &(*at)->next) {
        struct sli_runtime_thing *found = *at;
        if (strcmp(found->name, name) == 0) {
            *at = found->next;
            if (found->free != NULL) {
                found->free(found->thing);
            }
            sl_free(found);
            return;
        }
    }
}

void sli_runtime_drop_things(sli_runtime *runtime)
{
    while (runtime->things != NULL) {
        struct sli_runtime_thing *first = runtime->things;
        runtime->things = first->next;
        if (first->free != NULL) {
            first->free(first->thing);
        }
        sl_free(first);
    }
}
