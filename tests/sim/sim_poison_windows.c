// A job whose windows hold records that are refused when a window fires, often an epoch after they
// came in: they are left out of the windows then and later, whatever died in between, and every
// other record is in each window that holds it.
#include "sim/sim.h"

#include "sluice/window.h"

#include <stdio.h>

// ---------------------------------------------------------------- the graph

/// Words with their numbers and the batch time; a bad word is refused.
static sl_code run_picky(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    const sl_column *words = sl_batch_column(in, 0);
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_text word = sl_column_text(words, i);
        if (word.size > 3 && memcmp(word.data, "bad", 3) == 0) {
            return sl_error_set(err, SL_E_USER, "it is not wanted");
        }
        sl_builder_cell(out, 0, words, i);
        sl_builder_cell(out, 1, sl_batch_column(in, 1), i);
        sl_builder_int64(out, 2, sl_args_time_us(args) / 1000000);
    }
    return SL_OK;
}

static const sl_fn picky = {.struct_size = sizeof(sl_fn),
                            .name = "picky",
                            .out = "word string, n int64, at int64",
                            .run = run_picky};

static void save(sl_stream *counts, const char *url)
{
    sl_stream_save(sl_stream_map(counts, &picky, NULL), url);
}

static void build(sl_graph *graph)
{
    sl_stream *words = slt_words_of(graph, "file:in");
    sl_stream *good = sl_stream_where(words, "word < 'bad' or word > 'bae'");
    sl_stream *going =
        sl_stream_reduce_by_key_and_window(words, "word", "count() as n", "4s", "2s");
    sl_stream *anew = sl_stream_reduce_by_key_and_window(
        words, "word", "count() as n, max(word) as m", "4s", "2s");
    sl_stream *rows = sl_stream_window(words, "4s", "2s");
    save(sl_stream_reduce_by_key(good, "word", "count() as n"),
         "file:out/words?format=csv&empty=write");
    save(sl_stream_uid(going, "going"), "file:out/going?format=csv&empty=write");
    save(sl_stream_select(sl_stream_uid(anew, "anew"), "word, n"),
         "file:out/anew?format=csv&empty=write");
    save(sl_stream_select(sl_stream_uid(rows, "rows"), "word, 1 as n"),
         "file:out/rows?format=csv&empty=write");
}

// ---------------------------------------------------------------- input

/// Words of their own, and a bad one on a line of its own.
static void feed(slt_sim *sim, int32_t round)
{
    char path[64], text[64];
    int n = snprintf(text, sizeof text, "w%d", round);
    slt_counts_add(&sim->due, text, (size_t)n, 1);
    (void)snprintf(path, sizeof path, "in/f%d.txt", round);
    (void)snprintf(text, sizeof text, "w%d\nbad%d\n", round, round);
    SL_ASSERT(sli_world_put(sim->world, path, text, strlen(text), NULL) == SL_OK,
              "no room for a test's file");
}

// ---------------------------------------------------------------- what must hold

static sl_code add_file(void *ctx, const char *name, sl_error *err)
{
    void *const *to = ctx;
    slt_sim *sim = to[0];
    char path[128], *content = NULL;
    int64_t first = 0, last = 0;
    size_t size = 0;
    if (slt_published_tag(name, &first, &last) == NULL) {
        return SL_OK;
    }
    (void)snprintf(path, sizeof path, "out/dead/%s", name);
    SL_TRY(sli_world_read(sim->world, path, &content, &size, err));
    sli_str_add(to[1], content, size);
    sl_free(content);
    return SL_OK;
}

/// Letters of a round's bad word from one source or window.
static int32_t letters_of(const char *text, int32_t round, const char *from)
{
    char word[32], uid[32];
    int32_t n = 0;
    (void)snprintf(word, sizeof word, "bad%d", round);
    (void)snprintf(uid, sizeof uid, ",%s,", from);
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        const char *at_word = strstr(text, word), *at_uid = strstr(text, uid);
        n += at_word != NULL && at_word < text + size && at_uid != NULL && at_uid < text + size;
        text += size + (text[size] == '\n');
    }
    return n;
}

/// One for the record as it came, when a window fired in its epoch; else one for each window that
/// held it.
static void check_letters(slt_sim *sim, const char *text, int32_t round, bool is_due)
{
    int32_t came = letters_of(text, round, "source-1");
    int32_t going = letters_of(text, round, "going"), anew = letters_of(text, round, "anew"),
            rows = letters_of(text, round, "rows");
    bool held = going == 1 && anew == 1 && rows == 1;
    bool none = going == 0 && anew == 0 && rows == 0;
    bool right = (came == 1 && none) || (came == 0 && held) || (came == 0 && none && !is_due);
    if (!right) {
        slt_sim_wrong(sim,
                      "the record 'bad%d' has %d letters from its source, %d, %d and %d from "
                      "windows",
                      round, came, going, anew, rows);
    }
}

static bool has_word(const slt_counts *counts, int32_t round)
{
    char word[32];
    (void)snprintf(word, sizeof word, "w%d", round);
    return slt_counts_of(counts, word) > 0;
}

/// Words that a window has shown: after an outage of a window's length none holds what came before.
static void read_shown(slt_sim *sim, slt_counts *shown)
{
    slt_groups groups = {.text = {.tag = SLI_TAG_TEST}};
    if (slt_groups_read(sim, "out/rows", &groups)) {
        slt_groups_count(&groups, 0, groups.n, shown);
    }
    sli_str_reset(&groups.text);
}

static void check(slt_sim *sim, bool at_end)
{
    static const slt_window_output outputs[] = {
        {"out/going", 4, 2}, {"out/anew", 4, 2}, {"out/rows", 4, 2}, {0}};
    sli_str text = {.tag = SLI_TAG_TEST};
    void *to[] = {sim, &text};
    sl_error error = SL_ERROR_INIT;
    slt_check_windows(sim, outputs, at_end);
    sl_code rc = sli_world_list(sim->world, "out/dead", add_file, to, &error);
    sli_str_char(&text, '\0');
    if (rc != SL_OK && rc != SL_E_NOT_FOUND) {
        slt_sim_wrong(sim, "out/dead can't be read: %s", error.text);
    }
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, sizeof *shown);
    SL_ASSERT(shown != NULL, "no memory for a test");
    read_shown(sim, shown);
    for (int32_t round = 0; round < SLT_ALL_ROUNDS && has_word(&sim->due, round); round++) {
        check_letters(sim, text.data, round, at_end && has_word(shown, round));
    }
    sl_free(shown);
    sli_str_reset(&text);
}

const slt_sim_job slt_job_held = {
    .name = "held",
    .build = build,
    .settings = {SLT_SETTINGS, "poison", "dead-letter", "poison.sink", "file:out/dead?format=csv",
                 NULL},
    .feed = feed,
    .check = check,
};
