// heavy_test.c — the most frequent values against exact counts: Zipf's law, hostile orders, many
// merges, texts, broken bytes.
#include "expr/fixture_test.h"

#include "base/hash.h"
#include "expr/heavy.h"

#include <math.h>
#include <stdio.h>

enum { ROWS = 1000000, VALUES = 100000 };

// ---------------------------------------------------------------- inputs

// value i comes as often as 1 / (i + 1)^1.1 says.
static void zipf(int64_t *values, int64_t n, uint64_t seed)
{
    static double sums[VALUES];
    sli_rng rng = {seed};
    double sum = 0;
    for (int32_t i = 0; i < VALUES; i++) {
        sum += pow(i + 1, -1.1);
        sums[i] = sum;
    }
    for (int64_t i = 0; i < n; i++) {
        double u = (double)(sli_rng_next(&rng) >> 11) * 0x1p-53 * sum;
        int32_t low = 0, high = VALUES - 1;
        while (low < high) {
            int32_t middle = (low + high) / 2;
            low = sums[middle] < u ? middle + 1 : low;
            high = sums[middle] < u ? high : middle;
        }
        values[i] = low;
    }
}

typedef enum order { MIXED, RARE_FIRST, OFTEN_FIRST, ROUNDS, DISTINCT, ORDERS } order;
static const char *const names[] = {"mixed", "rare first", "often first", "rounds", "distinct"};

static void input_of(order kind, const int64_t *mixed, int64_t *values, int64_t n, int32_t capacity)
{
    static int64_t counts[VALUES], starts[VALUES];
    memset(counts, 0, sizeof counts);
    for (int64_t i = 0; i < n; i++) {
        values[i] = mixed[i];
        counts[values[i]]++;
    }
    int64_t start = 0; // a counting sort by how often they should come
    for (int32_t k = 0; k < VALUES && kind != MIXED; k++) {
        int32_t value = kind == RARE_FIRST ? VALUES - 1 - k : k;
        starts[value] = start;
        start += counts[value];
    }
    for (int32_t value = 0; value < VALUES && (kind == RARE_FIRST || kind == OFTEN_FIRST);
         value++) {
        for (int64_t i = 0; i < counts[value]; i++) {
            values[starts[value] + i] = value;
        }
    }
    for (int64_t i = 0; i < n && kind >= ROUNDS; i++) { // one more value than there are counters
        values[i] = kind == ROUNDS ? i % (2 * capacity + 1) : i % VALUES;
    }
}

// ---------------------------------------------------------------- checks

static sli_heavy_value number(int64_t value)
{
    return (sli_heavy_value){.bits = value};
}

static void add_all(sli_heavy *s, const sli_heavy_kind *kind, const int64_t *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        sl_code rc = sli_heavy_add(s, kind, number(values[i]), NULL);
        assert_int_equal(rc, SL_OK);
    }
}

static void merge_into(sli_heavy *to, const sli_heavy *from, const sli_heavy_kind *kind)
{
    sli_str bytes = {.tag = SLI_TAG_TEST};
    bool good;
    sli_heavy_write(from, kind, &bytes);
    assert_int_equal(sli_heavy_merge(to, kind, (sl_bytes){bytes.data, bytes.size}, &good, NULL),
                     SL_OK);
    assert_true(good);
    sli_str_reset(&bytes);
}

// Every count is right within its error, no error is above n / (capacity + 1), and no value that
// came more often than that is missing.
static void check(const sli_heavy *s, const sli_heavy_kind *kind, const int64_t *values, int64_t n,
                  const char *what)
{
    static int64_t counts[2 * VALUES], kept[2 * VALUES];
    memset(counts, 0, sizeof counts);
    memset(kept, 0, sizeof kept);
    for (int64_t i = 0; i < n; i++) {
        counts[values[i]]++;
    }
    int64_t bound = n / (kind->capacity + 1);
    assert_in_range(s->n, 1, 2 * kind->capacity);
    assert_in_range(s->floor, 0, bound);
    for (int32_t i = 0; i < s->n; i++) {
        const sli_heavy_counter *c = &s->counters[i];
        int64_t count = counts[c->bits];
        assert_in_range(c->error, 0, s->floor);
        assert_int_equal(kept[c->bits]++, 0);
        if (count > c->count || count < c->count - c->error) {
            fail_msg("%s: %lld came %lld times, not %lld - %lld to it", what, (long long)c->bits,
                     (long long)count, (long long)c->count, (long long)c->error);
        }
    }
    for (int32_t value = 0; value < 2 * VALUES; value++) {
        if (kept[value] == 0 && counts[value] > s->floor) {
            fail_msg("%s: %d came %lld times and is missing", what, value,
                     (long long)counts[value]);
        }
    }
}

SL_TEST(counts_of_frequent_values_stay_within_the_error, "")
{
    static const int32_t capacities[] = {1, 10, 100, 1000};
    int64_t *mixed = sl_alloc_array(SLI_TAG_TEST, 2 * ROWS, sizeof *mixed), *values = mixed + ROWS;
    assert_non_null(mixed);
    zipf(mixed, ROWS, 4);
    for (int kind = 0; kind < ORDERS; kind++) {
        for (size_t c = 0; c < sizeof capacities / sizeof *capacities; c++) {
            const sli_heavy_kind how = {.type = SL_INT64, .capacity = capacities[c]};
            sli_heavy s = {0};
            int64_t n = kind == MIXED || slt_is_soak() ? ROWS : ROWS / 5;
            input_of((order)kind, mixed, values, n, how.capacity);
            add_all(&s, &how, values, n);
            check(&s, &how, values, n, names[kind]);
            sli_heavy_reset(&s);
        }
    }
    sl_free(mixed);
}

SL_TEST(counts_of_frequent_values_stay_within_the_error_through_merges, "")
{
    enum { PARTS = 256, N = 200000 };
    static sli_heavy parts[PARTS];
    const sli_heavy_kind how = {.type = SL_INT64, .capacity = 100};
    int64_t *mixed = sl_alloc_array(SLI_TAG_TEST, 2 * N, sizeof *mixed), *values = mixed + N;
    assert_non_null(mixed);
    zipf(mixed, N, 4);
    for (int kind = 0; kind < 2 * ORDERS; kind++) {
        bool pairwise = kind % 2 == 1;
        input_of((order)(kind / 2), mixed, values, N, how.capacity);
        for (int64_t p = 0; p < PARTS; p++) {
            add_all(&parts[p], &how, values + N * p / PARTS, N * (p + 1) / PARTS - N * p / PARTS);
        }
        for (int step = 1; step < PARTS; step = pairwise ? 2 * step : PARTS) {
            for (int p = 0; p + step < PARTS && pairwise; p += 2 * step) {
                merge_into(&parts[p], &parts[p + step], &how);
            }
            for (int p = 1; p < PARTS && !pairwise; p++) {
                merge_into(&parts[0], &parts[p], &how);
            }
        }
        check(&parts[0], &how, values, N, names[kind / 2]);
        for (int p = 0; p < PARTS; p++) {
            sli_heavy_reset(&parts[p]);
        }
    }
    sl_free(mixed);
}

// frequent_strings_sketch of datasketches 5.2.0 (PyPI) counts the first of these values 134,928
// times too; README.md compares the errors.
//
// By Zipf's law the first of 100,000 values are found in their order, with exact counts among the
// first ten thousandths.
SL_TEST(the_most_frequent_of_zipf_are_found_in_order, "")
{
    static int64_t counts[VALUES];
    const sli_heavy_kind how = {.type = SL_INT64, .capacity = 1000};
    int64_t *values = sl_alloc_array(SLI_TAG_TEST, ROWS, sizeof *values);
    assert_non_null(values);
    sli_heavy s = {0};
    zipf(values, ROWS, 4);
    add_all(&s, &how, values, ROWS);
    for (int64_t i = 0; i < ROWS; i++) {
        counts[values[i]]++;
    }
    int32_t top[2000];
    assert_int_equal(counts[0], 134928);
    assert_int_equal(sli_heavy_top(&s, &how, 50, top), 50);
    for (int32_t i = 0; i < 50; i++) {
        const sli_heavy_counter *c = &s.counters[top[i]];
        assert_true(c->count - counts[c->bits] <= c->error);
        assert_true(i == 0 || c->count <= s.counters[top[i - 1]].count);
        if (i < 20) {
            assert_int_equal(c->bits, i);
            assert_true(c->count - counts[c->bits] <= ROWS / 10000);
        }
    }
    sli_heavy_reset(&s);
    sl_free(values);
}

// ---------------------------------------------------------------- few values, texts, bytes

SL_TEST(counts_of_few_values_are_exact_and_parts_give_the_same_bytes, "")
{
    enum { N = 5000 };
    const sli_heavy_kind how = {.type = SL_INT64, .capacity = 10};
    sli_rng rng = {5};
    int64_t values[N];
    for (int round = 1; round <= 20; round++) { // of 1 to 20 values
        sli_heavy whole = {0}, merged = {0};
        sli_str a = {.tag = SLI_TAG_TEST}, b = {.tag = SLI_TAG_TEST};
        for (int64_t i = 0; i < N; i++) {
            values[i] = (int64_t)sli_rng_below(&rng, (uint64_t)round);
        }
        add_all(&whole, &how, values, N);
        assert_int_equal(whole.floor, 0);
        check(&whole, &how, values, N, "few");
        for (int64_t from = 0, n; from < N; from += n) {
            sli_heavy part = {0};
            n = 1 + (int64_t)sli_rng_below(&rng, (uint64_t)(N - from));
            add_all(&part, &how, values + from, n);
            merge_into(&merged, &part, &how);
            sli_heavy_reset(&part);
        }
        sli_heavy_write(&whole, &how, &a);
        sli_heavy_write(&merged, &how, &b);
        assert_int_equal(a.size, b.size);
        assert_memory_equal(a.data, b.data, a.size);
        sli_str_reset(&a);
        sli_str_reset(&b);
        sli_heavy_reset(&whole);
        sli_heavy_reset(&merged);
    }
}

// Texts are counted as the numbers that they spell.
SL_TEST(texts_are_counted_as_numbers_are, "")
{
    enum { N = 100000 };
    const sli_heavy_kind numbers = {.type = SL_INT64, .capacity = 50},
                         texts = {.type = SL_STRING, .capacity = 50};
    int64_t *values = sl_alloc_array(SLI_TAG_TEST, N, sizeof *values);
    assert_non_null(values);
    sli_heavy a = {0}, b = {0}, merged = {0};
    zipf(values, N, 6);
    for (int64_t i = 0; i < N; i++) {
        char text[40];
        int size = snprintf(text, sizeof text, "%06lld%s", (long long)values[i],
                            values[i] % 3 == 0 ? " with a long text behind" : "");
        sli_heavy_value value = {.text = {text, (size_t)size}};
        assert_int_equal(sli_heavy_add(&b, &texts, value, NULL), SL_OK);
    }
    add_all(&a, &numbers, values, N);
    merge_into(&merged, &b, &texts); // and are the same when they were read back
    assert_int_equal(a.n, b.n);
    assert_int_equal(a.n, merged.n);
    assert_int_equal(a.floor, b.floor);
    int32_t x[100], y[100], z[100];
    assert_int_equal(sli_heavy_top(&a, &numbers, 100, x), a.n);
    assert_int_equal(sli_heavy_top(&b, &texts, 100, y), a.n);
    assert_int_equal(sli_heavy_top(&merged, &texts, 100, z), a.n);
    for (int32_t i = 0; i < a.n; i++) {
        const sli_heavy_counter *p = &a.counters[x[i]], *q = &b.counters[y[i]];
        char text[7];
        (void)snprintf(text, sizeof text, "%06d", (int)p->bits);
        assert_int_equal(p->count, q->count);
        assert_int_equal(p->error, q->error);
        assert_memory_equal(b.bytes + q->bits, text, 6);
        assert_memory_equal(merged.bytes + merged.counters[z[i]].bits, text, 6);
        assert_int_equal(merged.counters[z[i]].count, p->count);
    }
    assert_true(b.n_bytes <= 100 * 30); // what was dropped left no text behind
    sli_heavy_reset(&a);
    sli_heavy_reset(&b);
    sli_heavy_reset(&merged);
    sl_free(values);
}

static void check_bytes(sl_type type, const char *bytes, size_t size, bool expected)
{
    const sli_heavy_kind how = {.type = type, .capacity = 3};
    sli_heavy s = {0};
    bool good;
    assert_int_equal(sli_heavy_merge(&s, &how, (sl_bytes){bytes, size}, &good, NULL), SL_OK);
    if (good != expected) {
        fail_msg("%zu bytes of type %d, count %d", size, type, size > 4 ? bytes[4] : -1);
    }
    sli_heavy_reset(&s);
}
#define CHECK_BYTES(type, bytes, expected) check_bytes(type, bytes, sizeof(bytes) - 1, expected)

SL_TEST(broken_counters_are_found, "")
{
    // version, capacity, floor, how many; count, error, value (zigzag)
    CHECK_BYTES(SL_INT64, "\1\3\0\1\5\0\x0e", true);
    CHECK_BYTES(SL_INT64, "", true);
    CHECK_BYTES(SL_INT64, "\2\3\0\1\5\0\x0e", false);   // version
    CHECK_BYTES(SL_INT64, "\1\4\0\1\5\0\x0e", false);   // another capacity
    CHECK_BYTES(SL_INT64, "\1\3\0\0", false);           // none
    CHECK_BYTES(SL_INT64, "\1\3\0\2\5\0\x0e", false);   // one is missing
    CHECK_BYTES(SL_INT64, "\1\3\0\1\5\0\x0e\0", false); // a byte too many
    CHECK_BYTES(SL_INT64, "\1\3\0\1\5\1\x0e", false);   // an error without a floor
    CHECK_BYTES(SL_INT64, "\1\3\5\1\5\5\x0e", false);   // never came
    CHECK_BYTES(SL_INT64, "\1\3\5\1\4\2\x0e", false);   // below the floor
    CHECK_BYTES(SL_INT64, "\1\3\5\1\6\5\x0e", true);
    CHECK_BYTES(SL_INT64, "\1\3\0\2\5\0\x0e\5\0\x0e", false); // one value twice
    CHECK_BYTES(SL_INT64, "\1\3\0\7\1\0\0\1\0\1\1\0\2\1\0\3\1\0\4\1\0\5\1\0\6", false); // too many
    CHECK_BYTES(SL_INT64, "\1\3\0\6\1\0\0\1\0\1\1\0\2\1\0\3\1\0\4\1\0\5", true);
    CHECK_BYTES(SL_INT64, "\1\3\0\1\xff\xff\xff\xff\xff\xff\xff\xff\x7f\0\0", false);
    CHECK_BYTES(SL_BOOL, "\1\3\0\1\5\0\2", true);
    CHECK_BYTES(SL_BOOL, "\1\3\0\1\5\0\4", false);
    CHECK_BYTES(SL_DATE, "\1\3\0\1\5\0\xff\xff\xff\xff\x1f", false);
    CHECK_BYTES(SL_FLOAT64, "\1\3\0\1\5\0\0\0\0\0\0\0\0\0", true);
    CHECK_BYTES(SL_FLOAT64, "\1\3\0\1\5\0\0\0\0\0\0\0\0\x80", false);   // -0.0 is 0.0
    CHECK_BYTES(SL_FLOAT64, "\1\3\0\1\5\0\1\0\0\0\0\0\xf8\x7f", false); // another NaN
    CHECK_BYTES(SL_STRING, "\1\3\0\1\5\0\2ab", true);
    CHECK_BYTES(SL_STRING, "\1\3\0\1\5\0\3ab", false);
    CHECK_BYTES(SL_STRING, "\1\3\0\1\5\0\2a\xff", false);
    CHECK_BYTES(SL_BINARY, "\1\3\0\1\5\0\2a\xff", true);
}

SL_TEST(counts_of_merged_counters_never_overflow, "")
{
    static const char large[] = "\1\3\0\1\x80\x80\x80\x80\x80\x80\x80\x80\x10\0\0"; // 2^60
    const sli_heavy_kind how = {.type = SL_INT64, .capacity = 3};
    sli_heavy s = {0};
    bool good;
    sl_bytes bytes = {large, sizeof large - 1};
    assert_int_equal(sli_heavy_merge(&s, &how, bytes, &good, NULL), SL_OK);
    assert_true(good);
    assert_int_equal(sli_heavy_add(&s, &how, number(0), NULL), SL_OK);
    assert_int_equal(s.counters[0].count, ((int64_t)1 << 60) + 1);
    assert_int_equal(sli_heavy_merge(&s, &how, bytes, &good, NULL), SL_OK);
    assert_false(good);
    sli_heavy_reset(&s);
}
