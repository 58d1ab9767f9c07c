// PLAN and SEALED as bytes: written byte by byte, read back, and refused when cut or damaged.
#include "sl_test.h"

#include "stream/plan.h"

// What is read twice must give the same bytes again, or an error: damage never reads as something
// that was not written. The copies are exactly as long as their bytes, so that ASan sees a read
// past the end.

/// Decodes and encodes again into *out.
typedef sl_code (*again_fn)(sl_bytes body, sli_str *out, sl_error *err);

static sl_code plan_again(sl_bytes body, sli_str *out, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sli_plan plan = {0};
    sl_code rc = sli_plan_get(body, arena, &plan, err);
    if (rc == SL_OK) {
        sli_plan_put(out, &plan);
    }
    sl_arena_free(arena);
    return rc;
}

static sl_code sealed_again(sl_bytes body, sli_str *out, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sli_sealed sealed = {0};
    sl_code rc = sli_sealed_get(body, arena, &sealed, err);
    if (rc == SL_OK) {
        sli_sealed_put(out, &sealed);
    }
    sl_arena_free(arena);
    return rc;
}

static sl_code decode_copy(const char *data, size_t size, again_fn again, sli_str *out,
                           sl_error *err)
{
    char *copy = sl_alloc(SLI_TAG_TEST, size == 0 ? 1 : size);
    assert_non_null(copy);
    memcpy(copy, data, size);
    *err = SL_ERROR_INIT;
    sli_str_clear(out);
    sl_code rc = again((sl_bytes){copy, size}, out, err);
    sl_free(copy);
    assert_true(rc == SL_OK || (err->code == rc && err->text[0] != '\0'));
    return rc;
}

static void check_error_or_equal(const char *data, size_t size, again_fn again, sli_str *out)
{
    sl_error err = SL_ERROR_INIT;
    sl_code rc = decode_copy(data, size, again, out, &err);
    if (rc == SL_OK) {
        assert_int_equal(out->size, size);
        assert_memory_equal(out->data, data, size);
    } else {
        assert_true(rc == SL_E_CORRUPT || rc == SL_E_INCOMPATIBLE);
    }
}

/// The bytes come back whole; every cut is an error; every flipped bit and every changed byte is an
/// error or reads as what it says.
static void check_bytes(const sli_str *bytes, again_fn again)
{
    sli_str out = {.tag = SLI_TAG_TEST};
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(decode_copy(bytes->data, bytes->size, again, &out, &err), SL_OK);
    assert_int_equal(out.size, bytes->size);
    assert_memory_equal(out.data, bytes->data, bytes->size);
    for (size_t size = 0; size < bytes->size; size++) {
        sl_code rc = decode_copy(bytes->data, size, again, &out, &err);
        assert_int_equal(rc, size == 0 ? SL_E_INCOMPATIBLE : SL_E_CORRUPT);
    }
    char *damaged = sl_alloc(SLI_TAG_TEST, bytes->size + 1);
    memcpy(damaged, bytes->data, bytes->size);
    for (size_t at = 0; at < bytes->size; at++) {
        for (int value = 0; value < 256; value++) {
            damaged[at] = (char)value;
            check_error_or_equal(damaged, bytes->size, again, &out);
        }
        damaged[at] = bytes->data[at];
    }
    damaged[bytes->size] = 0; // a byte too many
    assert_int_equal(decode_copy(damaged, bytes->size + 1, again, &out, &err), SL_E_CORRUPT);
    sl_free(damaged);
    sli_str_reset(&out);
}

static sli_plan_input inputs[] = {
    {"source-1", {"\x00\x7f\xff range", 9}, 4, 1000},
    {"logs", {NULL, 0}, 0, 0},
    {"a.b_c-d", {"", 0}, 200, -1},
};

static sli_plan_watermark watermarks[] = {{"eventTime-1", 5}, {"views", INT64_MIN}};

static sli_plan sample_plan(void)
{
    return (sli_plan){
        .epoch = 42,
        .time_us = INT64_C(1577836800000000),
        .seed = UINT64_C(0xfedcba9876543210),
        .options_hash = 1,
        .graph_hash = UINT64_MAX,
        .parallelism = 7,
        .inputs = inputs,
        .n_inputs = 3,
        .watermarks = watermarks,
        .n_watermarks = 2,
    };
}

static sli_sealed_sink sinks[] = {
    {"counts.save-1", {"receipt\x00\x01", 9}, ""},
    {"counts.print-1", {NULL, 0}, "outbox/000002-000000009-counts.print-1"},
};

static sli_sealed sample_sealed(void)
{
    return (sli_sealed){
        .group = 9,
        .first_epoch = 40,
        .last_epoch = 42,
        .last_time_us = INT64_C(1577836800000000),
        .rows_in = 12345,
        .rows_out = 0,
        .delta = "delta/000002-000000009",
        .sinks = sinks,
        .n_sinks = 2,
    };
}

SL_TEST(plan_is_written_byte_by_byte_as_the_readme_says, "")
{
    static const uint8_t expected[] = {
        2,                                              // format
        2,    0,    0,    0,    0,    0,    0,    0,    // epoch
        0x40, 0x42, 0x0f, 0,    0,    0,    0,    0,    // batch time: 1000000
        3,    0,    0,    0,    0,    0,    0,    0,    // seed
        4,    0,    0,    0,    0,    0,    0,    0,    // options
        5,    0,    0,    0,    0,    0,    0,    0,    // graph
        6,    0,    0,    0,                            // parallelism
        1,                                              // inputs
        2,    'i',  'n',  3,    'x',  'y',  'z',        // uid, range
        0xac, 2,                                        // 300 splits
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // rows: unknown
        0,    0,    0,    0,    0,    0,    0,    0,    // batch time before: not told
        0,                                              // watermarks
    };
    sli_plan_input input = {"in", {"xyz", 3}, 300, -1};
    sli_plan plan = {2, 1000000, 0, 3, 4, 5, 6, &input, 1, NULL, 0, NULL, 0};
    sli_str bytes = {.tag = SLI_TAG_TEST};
    sli_plan_put(&bytes, &plan);
    assert_int_equal(bytes.size, sizeof expected);
    assert_memory_equal(bytes.data, expected, sizeof expected);
    static const uint8_t more[] = {1, 1, 't', 7, 0, 0, 0, 0, 0, 0, 0}; // watermarks: uid, time
    sli_plan_watermark watermark = {"t", 7};
    plan.watermarks = &watermark;
    plan.n_watermarks = 1;
    sli_str_clear(&bytes);
    sli_plan_put(&bytes, &plan);
    assert_int_equal(bytes.size, sizeof expected - 1 + sizeof more);
    assert_memory_equal(bytes.data, expected, sizeof expected - 1);
    assert_memory_equal(bytes.data + sizeof expected - 1, more, sizeof more);
    sli_str_reset(&bytes);
}

SL_TEST(sealed_is_written_byte_by_byte_as_the_readme_says, "")
{
    static const uint8_t expected[] = {
        2,                                     // format
        9,    0,    0,    0,   0,   0, 0,   0, // group
        7,    0,    0,    0,   0,   0, 0,   0, // first epoch
        8,    0,    0,    0,   0,   0, 0,   0, // last epoch
        0x40, 0x42, 0x0f, 0,   0,   0, 0,   0, // its batch time
        5,    0,    0,    0,   0,   0, 0,   0, // rows in
        4,    0,    0,    0,   0,   0, 0,   0, // rows out
        1,    'd',                             // delta
        1,                                     // sinks
        1,    'u',  2,    'r', 'c', 1, 'o',    // uid, receipt, outbox
        3,    'a',  'c',  'c',                 // accumulators
        0,                                     // rows left out
        0,                                     // windows
    };
    sli_sealed_sink sink = {"u", {"rc", 2}, "o"};
    sli_sealed sealed = {9, 7, 8, 1000000, 5, 4, "d", &sink, 1, {"acc", 3}, NULL, 0, NULL, 0};
    sli_str bytes = {.tag = SLI_TAG_TEST};
    sli_sealed_put(&bytes, &sealed);
    assert_int_equal(bytes.size, sizeof expected);
    assert_memory_equal(bytes.data, expected, sizeof expected);
    bytes.data[0] = 1; // as it was before there were accumulators
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    assert_int_equal(sli_sealed_get((sl_bytes){bytes.data, bytes.size - 6}, arena, &sealed, NULL),
                     SL_OK);
    assert_int_equal(sealed.n_sinks, 1);
    assert_int_equal(sealed.counted.size, 0);
    sl_arena_free(arena);
    sli_str_reset(&bytes);
}

SL_TEST(sealed_with_verdicts_is_written_byte_by_byte_as_the_readme_says, "POISON-1")
{
    static const uint8_t tail[] = {
        0,                             // sinks
        0,                             // accumulators
        1,                             // rows left out
        8,    0,   0,   0, 0, 0, 0, 0, // epoch
        2,    'i', 'n',                // source
        3,    0,   0,   0,             // partition
        0x39, 5,   0,   0, 0, 0, 0, 0, // row
        0,                             // windows
    };
    sli_left_out left = {8, "in", 3, 1337};
    sli_sealed sealed = {9, 7, 8, 1000000, 5, 4, "d", NULL, 0, {NULL, 0}, &left, 1, NULL, 0};
    sli_str bytes = {.tag = SLI_TAG_TEST};
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sli_sealed back = {0};
    sli_sealed_put(&bytes, &sealed);
    assert_int_equal((uint8_t)bytes.data[0], 2);
    assert_memory_equal(bytes.data + bytes.size - sizeof tail, tail, sizeof tail);
    assert_int_equal(sli_sealed_get((sl_bytes){bytes.data, bytes.size}, arena, &back, NULL), SL_OK);
    assert_int_equal(back.n_left_out, 1);
    assert_int_equal(back.left_out[0].epoch, 8);
    assert_string_equal(back.left_out[0].source, "in");
    assert_int_equal(back.left_out[0].partition, 3);
    assert_int_equal(back.left_out[0].row, 1337);
    sl_arena_free(arena);
    sli_str_reset(&bytes);
}

SL_TEST(frames_of_jobs_with_windows_are_written_as_the_readme_says, "")
{
    static const uint8_t plan_end[] = {
        0x80, 0x84, 0x1e, 0, 0, 0, 0, 0, // the time before: 2000000
        0,                               // watermarks
    };
    static const uint8_t sealed_end[] = {
        1,                               // windows
        1,    'w',                       // uid
        0x40, 0x42, 0x0f, 0, 0, 0, 0, 0, // from: 1000000
        0x80, 0x84, 0x1e, 0, 0, 0, 0, 0, // to: 2000000
        0xc0, 0xc6, 0x2d, 0, 0, 0, 0, 0, // last pane: 3000000
        1,    'p',                       // path
    };
    sli_plan plan = sample_plan();
    plan.n_watermarks = 0;
    sli_sealed sealed = sample_sealed();
    sli_sealed_window window = {"w", 1000000, 2000000, "p", 3000000};
    sli_str plain = {.tag = SLI_TAG_TEST}, more = {.tag = SLI_TAG_TEST};
    sli_plan_put(&plain, &plan);
    plan.before_us = 2000000;
    sli_plan_put(&more, &plan);
    assert_int_equal(more.size, plain.size);
    assert_memory_equal(more.data, plain.data, plain.size - sizeof plan_end);
    assert_memory_equal(more.data + more.size - sizeof plan_end, plan_end, sizeof plan_end);
    check_bytes(&more, plan_again);
    sli_str_clear(&plain);
    sli_str_clear(&more);
    sli_sealed_put(&plain, &sealed);
    sealed.windows = &window;
    sealed.n_windows = 1;
    sli_sealed_put(&more, &sealed);
    assert_int_equal(more.size, plain.size - 1 + sizeof sealed_end);
    assert_memory_equal(more.data + plain.size - 1, sealed_end, sizeof sealed_end);
    check_bytes(&more, sealed_again);
    sli_str_reset(&plain);
    sli_str_reset(&more);
}

SL_TEST(plan_comes_back_as_it_was, "")
{
    sli_str bytes = {.tag = SLI_TAG_TEST};
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sli_plan plan = sample_plan(), back = {0};
    sli_plan_put(&bytes, &plan);
    assert_int_equal(sli_plan_get((sl_bytes){bytes.data, bytes.size}, arena, &back, NULL), SL_OK);
    assert_int_equal(back.epoch, plan.epoch);
    assert_int_equal(back.time_us, plan.time_us);
    assert_true(back.seed == plan.seed && back.options_hash == plan.options_hash);
    assert_true(back.graph_hash == plan.graph_hash);
    assert_int_equal(back.parallelism, plan.parallelism);
    assert_int_equal(back.n_inputs, 3);
    for (int32_t i = 0; i < 3; i++) {
        assert_string_equal(back.inputs[i].uid, inputs[i].uid);
        assert_int_equal(back.inputs[i].range.size, inputs[i].range.size);
        assert_int_equal(back.inputs[i].n_splits, inputs[i].n_splits);
        assert_int_equal(back.inputs[i].rows, inputs[i].rows);
    }
    assert_memory_equal(back.inputs[0].range.data, inputs[0].range.data, 9);
    assert_ptr_equal(sli_plan_find(&back, "logs"), &back.inputs[1]);
    assert_null(sli_plan_find(&back, "log"));
    assert_null(sli_plan_find(&back, ""));
    sl_arena_free(arena);
    sli_str_reset(&bytes);
}

SL_TEST(sealed_comes_back_as_it_was, "")
{
    sli_str bytes = {.tag = SLI_TAG_TEST};
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sli_sealed sealed = sample_sealed(), back = {0};
    sli_sealed_put(&bytes, &sealed);
    assert_int_equal(sli_sealed_get((sl_bytes){bytes.data, bytes.size}, arena, &back, NULL), SL_OK);
    assert_int_equal(back.group, 9);
    assert_int_equal(back.first_epoch, 40);
    assert_int_equal(back.last_epoch, 42);
    assert_int_equal(back.last_time_us, sealed.last_time_us);
    assert_int_equal(back.rows_in, 12345);
    assert_int_equal(back.rows_out, 0);
    assert_string_equal(back.delta, sealed.delta);
    assert_int_equal(back.n_sinks, 2);
    for (int32_t i = 0; i < 2; i++) {
        assert_string_equal(back.sinks[i].uid, sinks[i].uid);
        assert_string_equal(back.sinks[i].outbox, sinks[i].outbox);
        assert_int_equal(back.sinks[i].receipt.size, sinks[i].receipt.size);
    }
    assert_memory_equal(back.sinks[0].receipt.data, sinks[0].receipt.data, 9);
    sl_arena_free(arena);
    sli_str_reset(&bytes);
}

SL_TEST(plan_that_is_cut_or_damaged_is_an_error_or_what_it_says, "")
{
    sli_str bytes = {.tag = SLI_TAG_TEST};
    sli_plan plan = sample_plan();
    sli_plan_put(&bytes, &plan);
    check_bytes(&bytes, plan_again);
    sli_str_clear(&bytes);
    plan.n_inputs = 0;
    sli_plan_put(&bytes, &plan);
    check_bytes(&bytes, plan_again);
    sli_str_reset(&bytes);
}

SL_TEST(sealed_that_is_cut_or_damaged_is_an_error_or_what_it_says, "")
{
    sli_str bytes = {.tag = SLI_TAG_TEST};
    sli_sealed sealed = sample_sealed();
    sli_sealed_put(&bytes, &sealed);
    check_bytes(&bytes, sealed_again);
    sli_str_clear(&bytes);
    sealed.n_sinks = 0;
    sealed.delta = "";
    sli_sealed_put(&bytes, &sealed);
    check_bytes(&bytes, sealed_again);
    sli_str_clear(&bytes);
    sli_left_out left[] = {{41, "in", 0, 7}, {42, "more", 2, INT64_MAX}};
    sealed.left_out = left;
    sealed.n_left_out = 2;
    sli_sealed_put(&bytes, &sealed);
    check_bytes(&bytes, sealed_again);
    sli_str_reset(&bytes);
}

SL_TEST(plan_of_a_later_format_says_what_to_do, "")
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sl_error err = SL_ERROR_INIT;
    sli_plan plan;
    sli_sealed sealed;
    assert_int_equal(sli_plan_get((sl_bytes){"\4", 1}, arena, &plan, &err), SL_E_INCOMPATIBLE);
    SL_CHECK_TEXT(err.text, "PLAN frame of format 4, this Sluice reads up to format 3: use the "
                            "Sluice that wrote it, or a newer one");
    assert_int_equal(sli_sealed_get((sl_bytes){"\3", 1}, arena, &sealed, &err), SL_E_INCOMPATIBLE);
    SL_CHECK_TEXT(err.text, "SEALED frame of format 3, this Sluice reads up to format 2: use the "
                            "Sluice that wrote it, or a newer one");
    sl_arena_free(arena);
}

SL_TEST(plan_with_more_than_can_be_is_refused_before_memory_is_taken, "")
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sl_error err = SL_ERROR_INIT;
    sli_str bytes = {.tag = SLI_TAG_TEST};
    sli_plan plan = sample_plan();
    plan.n_inputs = plan.n_watermarks = 0;
    sli_plan_put(&bytes, &plan);
    bytes.size -= 10; // the number of inputs, and what follows
    sli_put_varint(&bytes, UINT64_C(1) << 40);
    assert_int_equal(sli_plan_get((sl_bytes){bytes.data, bytes.size}, arena, &plan, &err),
                     SL_E_CORRUPT);
    SL_CHECK_TEXT(err.text, "PLAN names 1099511627776 inputs");
    sli_str_reset(&bytes);
    sl_arena_free(arena);
}

// Whichever allocation fails, it is told as such: a record that is fine is never called damaged.
SL_TEST(plan_and_sealed_survive_each_failed_allocation, "")
{
    sli_str a = {.tag = SLI_TAG_TEST}, b = {.tag = SLI_TAG_TEST};
    sli_plan plan = sample_plan(), plan_back;
    sli_sealed sealed = sample_sealed(), sealed_back;
    sli_plan_put(&a, &plan);
    sli_sealed_put(&b, &sealed);
    char *large = sl_alloc(SLI_TAG_TEST, 100000); // so that the arena needs chunks of its own
    memset(large, 'x', 99999);
    large[99999] = '\0';
    sinks[1].outbox = large;
    sli_str_clear(&b);
    sli_sealed_put(&b, &sealed);
    sinks[1].outbox = "outbox/000002-000000009-counts.print-1";
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
        sli_mem_fail_nth(n);
        sl_code first = sli_plan_get((sl_bytes){a.data, a.size}, arena, &plan_back, NULL);
        sl_code second = sli_sealed_get((sl_bytes){b.data, b.size}, arena, &sealed_back, NULL);
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        assert_true(first == SL_OK || first == SL_E_NOMEM);
        assert_true(second == SL_OK || second == SL_E_NOMEM);
        assert_true(failed == (first != SL_OK || second != SL_OK));
        sl_arena_free(arena);
    }
    sl_free(large);
    sli_str_reset(&a);
    sli_str_reset(&b);
}

SL_TEST(a_plan_names_what_operators_have_fixed, "")
{
    sli_plan_fixed fixed[] = {{"m", {"abc", 3}, "model/000001-x-m"}, {"n", {"", 0}, ""}};
    sli_plan plan = {.epoch = 7, .time_us = 1000000, .fixed = fixed, .n_fixed = 2}, got;
    sli_str bytes = {.tag = SLI_TAG_TEST};
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sl_error err = SL_ERROR_INIT;
    sli_plan_put(&bytes, &plan);
    assert_int_equal(bytes.data[0], 3);
    assert_int_equal(sli_plan_get((sl_bytes){bytes.data, bytes.size}, arena, &got, &err), SL_OK);
    assert_int_equal(got.n_fixed, 2);
    const sli_plan_fixed *m = sli_plan_fixed_find(&got, "m");
    assert_non_null(m);
    assert_string_equal(m->path, "model/000001-x-m");
    assert_int_equal(m->bytes.size, 3);
    assert_memory_equal(m->bytes.data, "abc", 3);
    assert_null(sli_plan_fixed_find(&got, "o"));
    for (size_t size = 0; size < bytes.size; size++) { // each beginning is damaged
        assert_int_not_equal(sli_plan_get((sl_bytes){bytes.data, size}, arena, &got, &err), SL_OK);
    }
    sli_str_reset(&bytes);
    sl_arena_free(arena);
}
