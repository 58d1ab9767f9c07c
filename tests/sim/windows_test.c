// Windows beyond crashes: outages, and memory that is refused.
#include "sim/sim.h"

#include "sluice/window.h"

#include <stdio.h>

// ---------------------------------------------------------------- outages

static int64_t outage_s;

static void outage(slt_sim *sim)
{
    sli_world_advance(sim->world, outage_s * 1000000);
}

/// Whether some row of an output is of a batch time that is no multiple of two seconds.
static bool has_odd_times(slt_sim *sim, const char *dir)
{
    slt_groups groups = {.text = {.tag = SLI_TAG_TEST}};
    bool odd = false;
    assert_true(slt_groups_read(sim, dir, &groups));
    for (const char *line = groups.text.data; line != NULL && *line != '\0';) {
        size_t size = strcspn(line, "\n");
        odd = odd || (size > 0 && (line[size - 1] - '0') % 2 == 1);
        line += size + (line[size] == '\n');
    }
    sli_str_reset(&groups.text);
    return odd;
}

// The epoch after an outage stands for all that was missed: windows hold what lies in their length
// before its batch time, and one whose slide was missed is given then. The job checks each row.
SL_TEST(sim_windows_go_on_after_an_outage, "EXACTLY-ONCE-1")
{
    bool odd = false;
    for (outage_s = 1; outage_s <= 9; outage_s++) {
        slt_trial trial = {.job = &slt_job_windows, .seed = 3, .spoil = outage};
        slt_sim *sim = slt_sim_new(&trial);
        if (!slt_sim_run(sim)) {
            fail_msg("an outage of %lld s: %s", (long long)outage_s, sim->wrong);
        }
        odd = odd || has_odd_times(sim, "out/rows");
        slt_sim_free(sim);
    }
    assert_true(odd);
}

// ---------------------------------------------------------------- memory

static void build(sl_graph *graph)
{
    sl_stream *words = slt_words_of(graph, "file:in");
    sl_stream_save(sl_stream_reduce_by_key_and_window(words, "word", "count() as n", "2s", NULL),
                   "collect:going");
    sl_stream_save(sl_stream_group_by_key_and_window(
                       sl_stream_select(words, "word, length(word) as n"), "word", "2s", NULL),
                   "collect:groups");
    sl_stream_save(sl_stream_window(words, "2s", NULL), "collect:rows");
    sl_stream_save(sl_stream_count_by_window(words, "2s", NULL), "collect:count");
}

static void check_rows(sl_test *test, bool *right)
{
    const char *count = sl_test_rows(test, "count");
    *right = sl_test_check(test, NULL) == SL_OK;
    if (*right) {
        SL_CHECK_TEXT(count, "{\"count\":6}\n");
        assert_non_null(strstr(sl_test_rows(test, "going"), "{\"word\":\"be\",\"n\":2}\n"));
        assert_non_null(strstr(sl_test_rows(test, "rows"), "{\"word\":\"not\"}\n"));
    }
}

/// The second epoch with an allocation refused, and the next life. *reached false: n lies past the
/// last one.
static void run_short(int64_t n, bool *reached, int64_t *n_failed)
{
    bool right = false;
    sl_test *test = sl_test_new(
        build,
        (sl_test_conf){.struct_size = sizeof(sl_test_conf), .start_us = 1, .checkpoint = true});
    sl_error err = SL_ERROR_INIT;
    sl_test_put(test, "in/1.txt", "to be or");
    sl_test_advance(test, 1);
    sl_test_put(test, "in/2.txt", "not to be");
    sli_mem_fail_nth(n);
    sl_test_advance(test, 1);
    *reached = sli_mem_count() >= n;
    sli_mem_fail_nth(0);
    check_rows(test, &right);
    if (!right) {
        assert_int_equal(sl_test_check(test, &err), SL_E_NOMEM);
        (*n_failed)++;
    }
    sl_test_free(test);
}

SL_TEST(sim_windows_without_memory_end_with_an_error_or_the_right_rows, "")
{
    int64_t n_failed = 0;
    bool reached = true;
    for (int64_t n = 1; reached; n += slt_thin(11)) {
        run_short(n, &reached, &n_failed);
    }
    assert_true(n_failed > 10);
}
