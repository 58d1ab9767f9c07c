// Files that others rename, copy, truncate and delete while they are looked at: at every call that
// a life makes, one or several things happen to the log, and each line counts once all the same.
//
// The life runs as a process that stops before each of its calls; what happens meanwhile is a list
// of steps, some calls apart. A directory's listing is several calls, so files are also renamed in
// the middle of one.
#include "source/fixture_test.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_STEPS = 4, EPOCHS = 4 };

/// A life that goes on from a position, with a range on record that it has to read again.
typedef struct life {
    slt_place *p;
    const char *query;
    int64_t most_rows; ///< of an epoch; 1: there are twice as many epochs
    sl_bytes position, range;
    const char *recorded; ///< rows of `range`
    sli_str rows;         ///< of the life's epochs
    sl_bytes end;         ///< position
} life;

typedef void (*step_fn)(slt_place *p);

typedef struct meddling {
    const char *name;
    step_fn before; ///< while no life runs; NULL: nothing
    step_fn steps[MOST_STEPS];
    int32_t gap;          ///< calls between the steps, at most: all numbers are tried
    const char *expected; ///< lines behind those of the first life, in order of bytes
    const char *lossy;    ///< or these, since copytruncate loses lines by itself; NULL: none
} meddling;

// ---------------------------------------------------------------- what happens to the log

static void put(slt_place *p, const char *name, const char *text)
{
    assert_int_equal(sli_world_put(p->world, slt_at(p, name), text, strlen(text), NULL), SL_OK);
}

/// Adds to the file, which stays the same one.
static void add(slt_place *p, const char *name, const char *text)
{
    char *bytes = NULL;
    size_t size = 0;
    if (sli_world_read(p->world, slt_at(p, name), &bytes, &size, NULL) == SL_OK) {
        text = sl_arena_printf(p->arena, "%.*s%s", (int)size, bytes, text);
        sl_free(bytes);
    }
    put(p, name, text);
}

static void copy(slt_place *p, const char *from, const char *to, size_t most)
{
    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(sli_world_read(p->world, slt_at(p, from), &bytes, &size, NULL), SL_OK);
    size = size < most ? size : most;
    assert_int_equal(sli_world_put(p->world, slt_at(p, to), bytes, size, NULL), SL_OK);
    sl_free(bytes);
}

static void move(slt_place *p, const char *from, const char *to)
{
    assert_int_equal(sli_world_rename(p->world, slt_at(p, from), slt_at(p, to), NULL), SL_OK);
}

static void cut(slt_place *p, const char *name)
{
    assert_int_equal(sli_world_cut(p->world, slt_at(p, name), 0, NULL), SL_OK);
}

static void add_3(slt_place *p)
{
    add(p, "log", "3\n");
}

static void add_4(slt_place *p)
{
    add(p, "log", "4\n");
}

static void add_5_to_7(slt_place *p)
{
    add(p, "log", "5\n6\n7\n");
}

static void move_log(slt_place *p)
{
    move(p, "log", "log-1");
}

static void move_and_create(slt_place *p)
{
    move_log(p);
    add_4(p);
}

static void move_again(slt_place *p)
{
    move(p, "log", "log-2");
    add_5_to_7(p);
}

static void create_copy(slt_place *p)
{
    put(p, "log-1", "");
}

static void half_copy(slt_place *p)
{
    copy(p, "log", "log-1", 3);
}

static void whole_copy(slt_place *p)
{
    copy(p, "log", "log-1", SIZE_MAX);
}

static void cut_log(slt_place *p)
{
    cut(p, "log");
}

static void copy_and_cut(slt_place *p)
{
    whole_copy(p);
    cut(p, "log");
}

static void copy_again_and_cut(slt_place *p)
{
    copy(p, "log", "log-2", SIZE_MAX);
    cut(p, "log");
    add_5_to_7(p);
}

static void shift_old_one(slt_place *p)
{
    move(p, "log.1", "log.2");
}

static void shift_log(slt_place *p)
{
    move(p, "log", "log.1");
}

static void begin_a_file(slt_place *p)
{
    move(p, "log", "log-0");
    add_3(p);
}

static void delete_old(slt_place *p)
{
    move(p, "log.1", "log.2");
    move(p, "log", "log.1");
    add_4(p);
    assert_int_equal(sli_world_remove(p->world, slt_at(p, "log.2"), NULL), SL_OK);
}

static const meddling all[] = {
    {"a rename", add_3, {move_log, add_4, add_5_to_7}, 30, "3;4;5;6;7;", NULL},
    {"a rename with a new file", add_3, {move_and_create, add_5_to_7}, 60, "3;4;5;6;7;", NULL},
    {"two renames", add_3, {move_and_create, move_again}, 60, "3;4;5;6;7;", NULL},
    {"numbers that move up", add_3, {shift_old_one, shift_log, add_4}, 30, "3;4;", NULL},
    {"the oldest goes", add_3, {delete_old, add_5_to_7}, 60, "3;4;5;6;7;", NULL},
    {"copytruncate", add_3, {copy_and_cut, add_4, add_5_to_7}, 30, "3;4;5;6;7;", NULL},
    {"slow copytruncate", add_3, {create_copy, half_copy, copy_and_cut, add_4}, 25, "3;4;", NULL},
    {"a copy before the cut", add_3, {whole_copy, cut_log, add_5_to_7}, 30, "3;5;6;7;", NULL},
    {"two copies", add_3, {copy_and_cut, add_4, copy_again_and_cut}, 30, "3;4;5;6;7;", NULL},
    {"a copy, then a rename", add_3, {copy_and_cut, add_4, move_again}, 30, "3;4;5;6;7;", NULL},
    {"a rename, then a copy", add_3, {move_and_create, copy_again_and_cut}, 60, "3;4;5;6;7;", NULL},
    {"a copy of what was taken", NULL, {copy_and_cut, add_3, move_again}, 30, "3;5;6;7;", NULL},
    {"a copy of a new file", begin_a_file, {create_copy, copy_and_cut, add_4}, 30, "3;4;", NULL},
    {"a copy that waits", begin_a_file, {whole_copy, cut_log, add_4}, 30, "3;4;", NULL},
    {"lines after the copy",
     add_3,
     {whole_copy, add_4, cut_log, add_5_to_7},
     25,
     "3;4;5;6;7;",
     "3;5;6;7;"},
    {"lines after a new file's copy",
     begin_a_file,
     {whole_copy, add_4, cut_log, add_5_to_7},
     25,
     "3;4;5;6;7;",
     "3;5;6;7;"},
    {"no copy", begin_a_file, {cut_log, add_5_to_7}, 60, "3;5;6;7;", "5;6;7;"},
};

// ---------------------------------------------------------------- a life

static void take(life *l, sli_source *s, int32_t epoch)
{
    slt_place *p = l->p;
    const char *rows = NULL;
    sli_ask ask = {.epoch = epoch, .max_rows = l->most_rows};
    sli_offer offer = {0};
    if (s->ops->offer(s, &ask, p->arena, &offer, &p->err) != SL_OK ||
        slt_read(p, s, offer.range, &rows) != SL_OK) {
        fail_msg("%s", p->err.text);
    }
    sli_str_text(&l->rows, rows);
}

static void live(sl_env *env, void *ctx)
{
    life *l = ctx;
    const char *rows = NULL;
    l->p->source_env.env = env;
    sli_source *s = slt_open(
        l->p, sl_arena_printf(l->p->arena, "tail:%s/log?%s", l->p->dir, l->query), l->position);
    assert_int_equal(s->ops->accept(s, l->range, NULL), SL_OK);
    assert_int_equal(slt_read(l->p, s, l->range, &rows), SL_OK);
    assert_string_equal(rows, l->recorded);
    for (int32_t i = 0; i < (l->most_rows == 1 ? 2 * EPOCHS : EPOCHS); i++) {
        take(l, s, i + 1);
    }
    l->end = slt_position(l->p, s);
    sli_source_close(s);
}

/// The first life takes two lines: one epoch is sealed, the other only planned.
static void live_first(slt_place *p, life *l)
{
    sli_source *s = slt_open(p, sl_arena_printf(p->arena, "tail:%s/log?%s", p->dir, l->query),
                             (sl_bytes){NULL, 0});
    put(p, "log.1", "old\n"); // is left alone
    add(p, "log", "1\n");
    assert_string_equal(slt_take(p, s), "1;");
    l->position = slt_position(p, s);
    add(p, "log", "2\n");
    assert_string_equal(slt_take(p, s), "2;");
    l->range = p->offer.range;
    l->recorded = "2;";
    sli_source_close(s);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/// The rows in the order of their bytes.
static const char *sorted(slt_place *p, const sli_str *rows)
{
    char *text = sl_arena_strdup(p->arena, rows->data == NULL ? "" : rows->data), *rest = NULL;
    char *items[32];
    size_t n = 0;
    sli_str out = SLI_STR_INIT;
    for (char *row = strtok_r(text, ";", &rest); row != NULL; row = strtok_r(NULL, ";", &rest)) {
        assert_true(n < 32);
        items[n++] = row;
    }
    qsort(items, n, sizeof *items, by_text);
    for (size_t i = 0; i < n; i++) {
        sli_str_printf(&out, "%s;", items[i]);
    }
    const char *all_rows = sl_arena_strdup(p->arena, out.data == NULL ? "" : out.data);
    sli_str_reset(&out);
    return all_rows;
}

/// Another life sees what is left. False: the second one made fewer calls than `at`.
static bool check(const meddling *m, life l, int64_t at, int64_t gap)
{
    slt_place p;
    slt_place_open(&p, true);
    sl_env *own = p.env;
    l.p = &p;
    live_first(&p, &l);
    if (m->before != NULL) {
        m->before(&p);
    }
    sli_process *process = sli_process_new(p.world, NULL, live, &l);
    bool goes_on = sli_process_resume(process, at);
    bool reached = goes_on;
    for (int32_t i = 0; i < MOST_STEPS && m->steps[i] != NULL; i++) {
        m->steps[i](&p);
        goes_on = goes_on && sli_process_resume(process, gap);
    }
    while (goes_on) {
        goes_on = sli_process_resume(process, SLI_FOREVER);
    }
    sli_process_free(process);
    l.position = l.end;
    l.range = (sl_bytes){NULL, 0};
    l.recorded = "";
    live(own, &l);
    const char *rows = sorted(&p, &l.rows);
    bool good = strcmp(rows, m->expected) == 0 || (m->lossy != NULL && strcmp(rows, m->lossy) == 0);
    if (!good) {
        fail_msg("%s before call %lld, %lld calls apart: %s (in order: %s)\n%s", m->name,
                 (long long)at, (long long)gap, rows, l.rows.data, p.told.data);
    }
    sli_str_reset(&l.rows);
    slt_place_close(&p);
    return reached;
}

static void check_all(life l, int64_t stride)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        for (int64_t gap = 0; gap <= all[i].gap; gap += stride) {
            int64_t at = 0;
            while (check(&all[i], l, at, gap)) {
                at++;
            }
            assert_true(at > 20);
        }
    }
}

SL_TEST(tail_counts_once_whatever_happens_before_any_call, "EXACTLY-ONCE-1")
{
    check_all((life){.query = "rotate_wait=0s", .most_rows = INT64_MAX}, slt_is_soak() ? 1 : 9);
}

SL_TEST(tail_counts_once_whatever_happens_before_any_call_with_patience, "EXACTLY-ONCE-1")
{
    check_all((life){.query = "rotate_wait=1h", .most_rows = INT64_MAX}, slt_is_soak() ? 1 : 14);
}

SL_TEST(tail_counts_once_a_line_at_a_time_whatever_happens, "EXACTLY-ONCE-1")
{
    check_all((life){.query = "rotate_wait=0s", .most_rows = 1}, slt_is_soak() ? 1 : 20);
}
