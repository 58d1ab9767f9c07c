// The index by time against a list that is sorted and searched as a whole.
#include "stream/event/due.h"

#include "sl_test.h"

#include <stdlib.h>
#include <string.h>

typedef struct known {
    int64_t at_us;
    int32_t slot;
    size_t size;
    char key[40];
} known;

static int by_time_and_key(const void *a, const void *b)
{
    const known *left = a, *right = b;
    if (left->at_us != right->at_us) {
        return left->at_us < right->at_us ? -1 : 1;
    }
    int order = memcmp(left->key, right->key, left->size < right->size ? left->size : right->size);
    return order != 0 ? order : (left->size > right->size) - (left->size < right->size);
}

typedef struct model {
    known *keys;
    int32_t n;
    uint64_t random;
} model;

static uint64_t draw(model *m, uint64_t below)
{
    m->random = m->random * 6364136223846793005U + 1442695040888963407U;
    return (m->random >> 33) % below;
}

/// Kinds of keys: numbers, short texts of two letters, long ones that agree for long, bytes that
/// end in zeros.
static known draw_key(model *m, int kind, int64_t now_us, uint64_t times)
{
    known k = {.at_us = now_us + (int64_t)draw(m, times) * 1000, .slot = (int32_t)draw(m, 1024)};
    if (kind == 0) {
        uint64_t number = draw(m, 100000);
        k.size = 9;
        k.key[0] = 1;
        memcpy(k.key + 1, &number, 8);
        return k;
    }
    k.size = draw(m, kind == 2 ? 39 : 12);
    memset(k.key, kind == 3 ? 0 : 'a', k.size);
    if (k.size > 0) {
        k.key[draw(m, k.size)] = (char)(draw(m, 2) ? 'b' : -1);
    }
    return k;
}

static void add_epoch(model *m, sli_due *due, int kind, int64_t now_us, int32_t n, uint64_t times)
{
    sli_due_notes notes = {0};
    for (int32_t i = 0; i < n; i++) {
        known k = draw_key(m, kind, now_us, times);
        m->keys[m->n++] = k;
        assert_int_equal(sli_due_note(&notes, k.at_us, k.slot, (sl_bytes){k.key, k.size}, NULL),
                         SL_OK);
    }
    assert_int_equal(sli_due_sort(&notes, NULL), SL_OK);
    assert_int_equal(sli_due_take(due, &notes, NULL), SL_OK);
    assert_int_equal(notes.run.n, 0);
}

static int32_t check_list(model *m, const sli_due *due, int64_t now_us)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    const sli_due_key *const *list = NULL;
    int32_t n = 0, expected = 0;
    qsort(m->keys, (size_t)m->n, sizeof *m->keys, by_time_and_key);
    while (expected < m->n && m->keys[expected].at_us <= now_us) {
        expected++;
    }
    assert_int_equal(sli_due_first(due), m->n == 0 ? INT64_MAX : m->keys[0].at_us);
    assert_int_equal(sli_due_list(due, now_us, arena, &list, &n, NULL), SL_OK);
    assert_int_equal(n, expected);
    for (int32_t i = 0; i < n; i++) {
        assert_int_equal(list[i]->at_us, m->keys[i].at_us);
        assert_int_equal(list[i]->size, m->keys[i].size);
        assert_memory_equal(list[i]->key, m->keys[i].key, m->keys[i].size);
    }
    sl_arena_free(arena);
    return n;
}

static void drop(model *m, sli_due *due, int64_t now_us, int32_t n)
{
    sli_due_drop(due, now_us);
    m->n -= n;
    memmove(m->keys, m->keys + n, (size_t)m->n * sizeof *m->keys);
}

/// Epochs of keys that are due within so many times, more of them than runs that an index may have.
static void check_epochs(int kind, uint64_t times, int32_t a_epoch)
{
    model m = {.keys = calloc(300000, sizeof(known)), .random = 7};
    sli_due due = {0};
    int64_t now_us = -50000;
    for (int32_t epoch = 0; epoch < 200; epoch++) {
        add_epoch(&m, &due, kind, now_us, (int32_t)draw(&m, (uint64_t)a_epoch), times);
        assert_true(due.n <= SLI_DUE_RUNS);
        assert_int_equal(due.n_keys, m.n);
        if (epoch % 3 == 0) {
            int32_t n = check_list(&m, &due, now_us);
            drop(&m, &due, now_us, n);
            now_us += (int64_t)draw(&m, 5) * 1000;
        }
    }
    int32_t n = check_list(&m, &due, INT64_MAX);
    drop(&m, &due, INT64_MAX, n);
    assert_int_equal(due.n_keys, 0);
    assert_int_equal(due.bytes, 0); // every chunk was given back
    sli_due_reset(&due);
    free(m.keys);
}

SL_TEST(due_keys_are_listed_by_time_and_bytes, "")
{
    for (int kind = 0; kind < 4; kind++) {
        check_epochs(kind, 3, 100);
        check_epochs(kind, 1000, 60);
        check_epochs(kind, 100000, 20);
    }
}

// What lies behind is given back while later keys stay.
SL_TEST(due_keys_that_were_dropped_take_no_memory, "")
{
    sli_due_notes notes = {0};
    sli_due due = {0};
    for (int64_t i = 0; i < 100000; i++) {
        assert_int_equal(sli_due_note(&notes, i, 0, (sl_bytes){(const char *)&i, 8}, NULL), SL_OK);
    }
    assert_int_equal(sli_due_take(&due, &notes, NULL), SL_OK);
    int64_t full = sli_due_footprint(&due);
    assert_true(full >= 100000 * 24 && full < 100000 * 25);
    sli_due_drop(&due, 89999);
    assert_int_equal(sli_due_first(&due), 90000);
    assert_true(sli_due_footprint(&due) < full / 10 + 2 * 32768);
    sli_due_reset(&due);
}

// A key twice at one time is named twice, and sorting many equal ones ends.
SL_TEST(due_keys_may_be_equal, "")
{
    sli_due_notes notes = {0};
    sli_due due = {0};
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    const sli_due_key *const *list = NULL;
    int32_t n = 0;
    for (int32_t i = 0; i < 1000; i++) {
        assert_int_equal(sli_due_note(&notes, 5, 1, (sl_bytes){"the same", 8}, NULL), SL_OK);
    }
    assert_int_equal(sli_due_take(&due, &notes, NULL), SL_OK);
    assert_int_equal(sli_due_list(&due, 5, arena, &list, &n, NULL), SL_OK);
    assert_int_equal(n, 1000);
    sl_arena_free(arena);
    sli_due_reset(&due);
}
