// debug.c — a lineage as text, laid out as Spark's toDebugString: a line an RDD; a shuffle begins a
// new column with its number of partitions.
//
//     (4) join
//      +-(3) where
//      |  |  parallelize
//      +-(2) parallelize 'ads'
#include "rdd/rdd_int.h"

#include <stdio.h>

enum { MAX_TOLD = 1000 }; // lines: a lineage that joins with itself would be told for ever

typedef struct teller {
    sli_str *out;
    sli_str prefix; ///< before the line of a narrow parent
    int32_t left;   ///< lines
} teller;

static void tell_self(teller *t, const sl_rdd *rdd)
{
    static const char *const levels[] = {"", " [MEMORY_ONLY]", " [MEMORY_AND_DISK]",
                                         " [DISK_ONLY]"};
    sli_str_text(t->out, rdd->ops->name);
    if (rdd->uid != NULL) {
        sli_str_printf(t->out, " %s", rdd->uid);
    }
    if (rdd->name != NULL) {
        sli_str_printf(t->out, " '%s'", rdd->name);
    }
    sli_str_text(t->out, levels[rdd->level]);
    if (rdd->mistake != NULL) {
        sli_str_printf(t->out, ": %s", rdd->mistake->text);
    }
    sli_str_char(t->out, '\n');
}

static void put_prefix(teller *t)
{
    sli_str_add(t->out, t->prefix.data, t->prefix.size);
}

/// "(3) " before the line, and a bar under its middle before those that follow.
static void tell_column(teller *t, const sl_rdd *rdd)
{
    char number[24];
    int size = snprintf(number, sizeof number, "(%d)", rdd->n_partitions);
    sli_str_printf(t->out, "%s ", number);
    sli_str_printf(&t->prefix, "%*s%-*s", (size - 1) / 2, "", size - (size - 1) / 2 + 1, "|");
}

static void tell_parents(teller *t, const sl_rdd *rdd);

/// Behind a shuffle: hangs from the bar above it, which goes on only when others follow.
static void tell_shuffled(teller *t, const sl_rdd *rdd, bool last)
{
    size_t size = t->prefix.size;
    while (size > 0 && t->prefix.data[size - 1] == ' ') {
        size--;
    }
    size -= size > 0; // the bar
    char *above = sli_str_take(&t->prefix);
    t->prefix.tag = SLI_TAG_RDD;
    if (above == NULL) {
        t->out->failed = true;
        return;
    }
    sli_str_add(&t->prefix, above, size);
    put_prefix(t);
    sli_str_text(t->out, "+-");
    sli_str_text(&t->prefix, last ? "  " : "| ");
    tell_column(t, rdd);
    tell_self(t, rdd);
    tell_parents(t, rdd);
    sli_str_clear(&t->prefix);
    sli_str_text(&t->prefix, above);
    sl_free(above);
}

static void tell_parents(teller *t, const sl_rdd *rdd)
{
    for (int32_t i = 0; i < rdd->n_deps && t->left > 0; i++) {
        const sl_rdd *parent = rdd->deps[i].parent;
        if (--t->left == 0) {
            sli_str_text(t->out, "...\n");
        } else if (rdd->deps[i].kind == SLI_DEP_NARROW) {
            put_prefix(t);
            tell_self(t, parent);
            tell_parents(t, parent);
        } else {
            tell_shuffled(t, parent, i + 1 == rdd->n_deps);
        }
    }
}

void sli_rdd_debug(const sl_rdd *rdd, sli_str *out)
{
    teller t = {.out = out, .prefix = {.tag = SLI_TAG_RDD}, .left = MAX_TOLD};
    tell_column(&t, rdd);
    tell_self(&t, rdd);
    tell_parents(&t, rdd);
    out->failed = out->failed || t.prefix.failed;
    sli_str_reset(&t.prefix);
}

char *sl_rdd_debug_text(const sl_rdd *rdd)
{
    sli_str text = {.tag = SLI_TAG_RDD};
    if (rdd == NULL) {
        return NULL;
    }
    sli_rdd_debug(rdd, &text);
    return sli_str_take(&text);
}
