// A job whose input has records that a function refuses, and records of a key that a state function
// refuses: each is left out with its whole line, and has one dead letter.
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

// ---------------------------------------------------------------- functions

static bool begins(const sl_column *words, int64_t row, const char *with)
{
    sl_text word = sl_column_text(words, row);
    return word.size >= strlen(with) && memcmp(word.data, with, strlen(with)) == 0;
}

static sl_code run_pick(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    const sl_column *words = sl_batch_column(in, 0);
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        if (begins(words, i, "bad")) {
            return sl_error_set(err, SL_E_USER, "a bad word");
        }
        sl_builder_cell(out, 0, words, i);
    }
    return SL_OK;
}
static const sl_fn pick = {.struct_size = sizeof(sl_fn), .name = "pick", .run = run_pick};

/// Adds the new rows' number to the old total.
static sl_code run_total(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    (void)args;
    const sl_column *old = sl_batch_column(call->states, 0);
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        int64_t seen = call->values_from[i + 1] - call->values_from[i];
        if (begins(sl_batch_column(call->keys, 0), i, "rot") && seen > 0) {
            return sl_error_set(err, SL_E_DATA, "a rotten key");
        }
        sl_builder_int64(call->out, 0, (call->had[i] ? sl_column_int64(old, i) : 0) + seen);
    }
    return SL_OK;
}
static const sl_update_fn total = {sizeof(sl_update_fn), "total", "n int64", 1, false, run_total};

static void build(sl_graph *graph)
{
    sl_stream *words = sl_stream_map(
        sl_stream_flat_map(sl_stream_open(graph, "file:in"), &sl_split, "by=' ' skip_empty=true"),
        &pick, NULL);
    sl_stream_save(sl_stream_reduce_by_key(words, "word", "count() as n"),
                   "file:out/words?format=csv&empty=write");
    sl_stream_save(sl_stream_update_state_by_key(words, "word", &total, NULL),
                   "file:out/state?format=csv&empty=write&layout=directory");
}

// ---------------------------------------------------------------- input

/// A file with one bad line and one rotten; what is on them is never due.
static void feed(slt_sim *sim, int32_t round)
{
    char path[64], good[32], text[160];
    int n = snprintf(good, sizeof good, "w%d", round);
    (void)snprintf(path, sizeof path, "in/f%d.txt", round);
    (void)snprintf(text, sizeof text, "%s the\nbad%d x%d\nrot%d x%d\n%s\n", good, round, round,
                   round, round, good);
    SL_ASSERT(sli_world_put(sim->world, path, text, strlen(text), NULL) == SL_OK,
              "no room for a test's file");
    slt_counts_add(&sim->due, good, (size_t)n, 2);
    slt_counts_add(&sim->due, "the", 3, 1);
}

// ---------------------------------------------------------------- what must hold

typedef struct letters {
    slt_sim *sim;
    sli_str text;
    int64_t last_group;
} letters;

static sl_code add_file(void *ctx, const char *name, sl_error *err)
{
    letters *l = ctx;
    char path[128], *content = NULL;
    int64_t first = 0, last = 0;
    size_t size = 0;
    if (slt_published_tag(name, &first, &last) == NULL) {
        return SL_OK;
    }
    (void)snprintf(path, sizeof path, "out/dead/%s", name);
    SL_TRY(sli_world_read(l->sim->world, path, &content, &size, err));
    sli_str_add(&l->text, content, size);
    sl_free(content);
    l->last_group = last;
    return SL_OK;
}

static int32_t times(const letters *l, const char *what)
{
    int32_t n = 0;
    const char *text = l->text.size == 0 ? "" : l->text.data;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what)) {
        n++;
    }
    return n;
}

static bool was_fed(const slt_sim *sim, int32_t round)
{
    char word[32];
    (void)snprintf(word, sizeof word, "w%d", round);
    return slt_counts_of(&sim->due, word) > 0;
}

static void check_letter(const letters *l, const char *word, int32_t round, bool at_end)
{
    char record[64];
    (void)snprintf(record, sizeof record, ",%s%d x%d,", word, round, round);
    int32_t n = times(l, record);
    bool is_due = was_fed(l->sim, round);
    if (n > (is_due ? 1 : 0) || (at_end && is_due && n != 1)) {
        slt_sim_wrong(l->sim, "the record '%s%d' has %d letters", word, round, n);
    }
}

void slt_check_letters(slt_sim *sim, const char *const *words, int32_t groups, bool at_end)
{
    letters l = {.sim = sim, .text = {.tag = SLI_TAG_TEST}};
    sl_error error = SL_ERROR_INIT;
    sl_code rc = sli_world_list(sim->world, "out/dead", add_file, &l, &error);
    sli_str_char(&l.text, '\0');
    l.text.size--;
    if (rc != SL_OK && rc != SL_E_NOT_FOUND) {
        slt_sim_wrong(sim, "out/dead can't be read: %s", error.text);
    }
    int32_t found = 0;
    for (int32_t round = 0; round < SLT_ALL_ROUNDS; round++) {
        for (int32_t i = 0; words[i] != NULL; i++) {
            check_letter(&l, words[i], round, at_end);
            found += was_fed(sim, round) ? 1 : 0;
        }
    }
    if (times(&l, "\n") > found) {
        slt_sim_wrong(sim, "%d letters of %d records", times(&l, "\n"), found);
    }
    if (l.last_group > groups) {
        slt_sim_wrong(sim, "letters of group %lld are shown, rows up to group %d",
                      (long long)l.last_group, groups);
    }
    sli_str_reset(&l.text);
}

static void check(slt_sim *sim, bool at_end)
{
    static const char *const refused[] = {"bad", "rot", NULL};
    slt_groups words = {.text = {.tag = SLI_TAG_TEST}}, state = {.text = {.tag = SLI_TAG_TEST}};
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, sizeof *shown);
    SL_ASSERT(shown != NULL, "no memory for a test");
    if (slt_groups_read(sim, "out/words", &words) && slt_groups_read(sim, "out/state", &state)) {
        slt_groups_count(&words, 0, words.n, shown);
        slt_check_words(sim, shown, at_end);
        slt_check_state(sim, &words, &state);
        slt_check_letters(sim, refused, words.n, at_end);
    }
    sli_str_reset(&words.text);
    sli_str_reset(&state.text);
    sl_free(shown);
}

const slt_sim_job slt_job_poison = {
    .name = "poison",
    .build = build,
    .settings = {"interval", "1s", "backend", "inline", "master", "local[2]", "checkpoint",
                 "checkpoint", "snapshot.groups", "3", "log", "error", "poison", "dead-letter",
                 "poison.sink", "file:out/dead?format=csv", NULL},
    .feed = feed,
    .check = check,
};
