// Tables read from bytes alone: the same rows in the same order as the store that made the bytes;
// nothing over the budget; damage is told.
#include "state/fixture_test.h"

enum { KEYS = 3000, DELTAS = 4 };

/// Bytes of one table: parts of a snapshot, and deltas after it.
typedef struct kept {
    slt_store f;
    sli_str parts[SLI_SNAPSHOT_PARTS], deltas[DELTAS];
    int32_t n_deltas, n_read;
    sl_code fails; ///< what reading a delta fails with; SL_OK: it does not
} kept;

static void put(kept *k, int64_t key, int64_t value, bool removes)
{
    sli_str row = SLI_STR_INIT, cell = SLI_STR_INIT;
    uint64_t hash = 0, ignored;
    sli_state_view *view = NULL;
    const sli_store_ops *ops = k->f.store->ops;
    slt_store_row(k->f.keys, key, &row, &hash);
    slt_store_row(k->f.values, value, &cell, &ignored);
    sl_bytes bytes = {row.data, row.size};
    assert_int_equal(ops->begin(k->f.store, k->f.table, 1, 0, 1, &view, NULL), SL_OK);
    assert_int_equal(removes ? ops->remove(view, hash, bytes, NULL)
                             : ops->put(view, hash, bytes, (sl_bytes){cell.data, cell.size}, NULL),
                     SL_OK);
    assert_int_equal(ops->done(view, NULL), SL_OK);
    assert_int_equal(ops->complete(k->f.store, 1, NULL), SL_OK);
    sli_str_reset(&row);
    sli_str_reset(&cell);
}

/// Some keys come, a snapshot is made, then keys come, change, go and come again.
static void make(kept *k, int32_t n, int32_t n_deltas)
{
    *k = (kept){.n_deltas = n_deltas};
    slt_store_open(&k->f, &sli_store_memory, "counts");
    for (int64_t key = 0; key < n; key++) {
        put(k, key, key * 2, false);
    }
    sli_str none = SLI_STR_INIT;
    assert_int_equal(sli_state_delta(k->f.store, &none, NULL), SL_OK); // the snapshot covers it
    sli_str_reset(&none);
    for (int32_t part = 0; part < SLI_SNAPSHOT_PARTS; part++) {
        assert_int_equal(sli_state_snapshot_part(k->f.store, k->f.table, &k->f.info, part,
                                                 &k->parts[part], NULL),
                         SL_OK);
    }
    for (int32_t d = 0; d < n_deltas; d++) {
        for (int64_t key = d; key < n + 50; key += 7 + d) {
            put(k, key, key + d, (key + d) % 5 == 0);
        }
        assert_int_equal(sli_state_delta(k->f.store, &k->deltas[d], NULL), SL_OK);
    }
}

static void drop(kept *k)
{
    for (int32_t i = 0; i < SLI_SNAPSHOT_PARTS; i++) {
        sli_str_reset(&k->parts[i]);
    }
    for (int32_t i = 0; i < DELTAS; i++) {
        sli_str_reset(&k->deltas[i]);
    }
    slt_store_close(&k->f);
}

static sl_code hand(const sli_str *bytes, sli_buffer **out)
{
    *out = bytes->size == 0 ? NULL
                            : sli_buffer_wrap(bytes->data, (int64_t)bytes->size, false, NULL, NULL);
    return SL_OK;
}

static sl_code read_part(void *ctx, int32_t part, sli_buffer **out, sl_error *err)
{
    (void)err;
    return hand(&((kept *)ctx)->parts[part], out);
}

static sl_code read_delta(void *ctx, int32_t i, sli_buffer **out, sl_error *err)
{
    kept *k = ctx;
    k->n_read++;
    return k->fails != SL_OK ? sl_error_set(err, k->fails, "it has gone")
                             : hand(&k->deltas[i], out);
}

static sli_state_lies lies_of(kept *k, sli_budget *budget)
{
    sli_state_lies lies = {.info = k->f.info,
                           .part = read_part,
                           .delta = read_delta,
                           .n_deltas = k->n_deltas,
                           .ctx = k,
                           .budget = budget};
    lies.info.n_placing = -1;
    return lies;
}

/// Rows of a whole scan.
static sl_code scan_all(const sli_state_lies *lies, slt_store_rows *out, sl_error *err)
{
    sli_state_scan *scan = NULL;
    sl_batch *rows = NULL;
    SL_TRY(sli_state_scan_open(&scan, lies, err));
    sl_code rc = sli_state_scan_next(scan, &rows, err);
    while (rc == SL_OK && rows != NULL) {
        for (int64_t i = 0; i < sl_batch_rows(rows); i++) {
            assert_true(out->n < SLT_STORE_ROWS);
            out->rows[out->n].key = sl_column_int64(sl_batch_column(rows, 0), i);
            out->rows[out->n++].value = sl_column_int64(sl_batch_column(rows, 1), i);
        }
        sl_batch_unref(rows);
        rc = sli_state_scan_next(scan, &rows, err);
    }
    sli_state_scan_close(scan);
    return rc;
}

static void check_scan(kept *k, const sli_state_lies *lies)
{
    static slt_store_rows wanted, found;
    wanted = (slt_store_rows){.f = &k->f};
    found = (slt_store_rows){.f = &k->f};
    assert_int_equal(k->f.store->ops->dump(k->f.store, k->f.table, 0, SLI_SLOTS, slt_store_collect,
                                           &wanted, NULL),
                     SL_OK);
    sl_error err = SL_ERROR_INIT;
    if (scan_all(lies, &found, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(found.n, wanted.n);
    for (int32_t i = 0; i < wanted.n; i++) {
        assert_int_equal(found.rows[i].key, wanted.rows[i].key);
        assert_int_equal(found.rows[i].value, wanted.rows[i].value);
    }
}

SL_TEST(state_scan_gives_the_stores_rows_in_its_order, "")
{
    for (int32_t n_deltas = 0; n_deltas <= DELTAS; n_deltas++) {
        kept k;
        make(&k, KEYS, n_deltas);
        sli_budget *budget = sli_budget_new(64 << 20);
        sli_state_lies lies = lies_of(&k, budget);
        check_scan(&k, &lies);
        assert_int_equal(k.n_read, n_deltas * SLI_SNAPSHOT_PARTS);
        assert_int_equal(sli_budget_used(budget), 0);
        sli_budget_free(budget);
        drop(&k);
    }
}

SL_TEST(state_scan_needs_no_keys_told_where_nothing_has_changed, "")
{
    kept k;
    sl_schema *part = NULL, *columns = NULL;
    sl_text kind;
    make(&k, KEYS, 0);
    sl_bytes front = {k.parts[3].data, k.parts[3].size};
    assert_int_equal(sli_state_part_head((sl_bytes){front.data, 20}, &part, &kind, NULL), SL_OK);
    assert_null(part); // too few bytes
    assert_int_equal(sli_state_part_head(front, &part, &kind, NULL), SL_OK);
    SL_CHECK_TEXT(sl_schema_text(part), "slot int32, k int64, v int64");
    assert_true(sli_text_is(kind, "updateStateByKey"));
    assert_int_equal(sli_state_without_slot(part, &columns, NULL), SL_OK);
    sli_state_lies lies = lies_of(&k, NULL);
    lies.info.keys = NULL;
    lies.columns = columns;
    check_scan(&k, &lies);
    assert_int_equal(sli_state_without_slot(columns, &part, NULL), SL_E_CORRUPT);
    sl_schema_unref(part);
    sl_schema_unref(columns);
    drop(&k);
}

SL_TEST(state_scan_refuses_what_does_not_fit_and_lets_go_of_all, "")
{
    static slt_store_rows found;
    kept k;
    sl_error err = SL_ERROR_INIT;
    make(&k, KEYS, 2);
    sli_budget *budget = sli_budget_new(4096);
    sli_state_lies lies = lies_of(&k, budget);
    assert_int_equal(scan_all(&lies, &found, &err), SL_E_NOMEM);
    assert_non_null(strstr(err.text, "state of counts: "));
    assert_non_null(strstr(err.text, "4096 bytes"));
    assert_int_equal(sli_budget_used(budget), 0);
    lies.budget = NULL;
    k.fails = SL_E_NOT_FOUND;
    assert_int_equal(scan_all(&lies, &found, &err), SL_E_NOT_FOUND);
    sli_budget_free(budget);
    drop(&k);
}

static sl_code note_head(void *ctx, const sli_state_head *head, sl_error *err)
{
    (void)err;
    assert_true(sli_text_is(head->uid, "counts"));
    *(int64_t *)ctx += head->n_changes;
    return SL_OK;
}

SL_TEST(state_heads_of_a_delta_are_found_and_damage_is_told, "")
{
    kept k;
    int64_t n = 0;
    make(&k, 100, 1);
    sl_bytes whole = {k.deltas[0].data, k.deltas[0].size};
    assert_int_equal(sli_state_delta_heads(whole, note_head, &n, NULL), SL_OK);
    assert_true(n > 0);
    for (size_t size = 1; size < whole.size; size++) { // in memory of its own: no byte behind it
        char *cut = sl_alloc(SLI_TAG_TEST, size);
        memcpy(cut, whole.data, size);
        sl_code rc = sli_state_delta_heads((sl_bytes){cut, size}, note_head, &n, NULL);
        assert_true(size == 1 ? rc == SL_OK : rc == SL_E_CORRUPT);
        sl_free(cut);
    }
    drop(&k);
}
