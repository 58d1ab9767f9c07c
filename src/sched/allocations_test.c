// Spark's allocation files: what is read, every way to be wrong with its line, bytes of all kinds.
#include "sched/allocations.h"

#include <stdio.h>

#include "sched/sched_int.h"
#include "sched/world_test.h"

static const char *const good = "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                                "<!-- <pool name=\"none\"/> -- as the template has it -->\n"
                                "<allocations>\n"
                                "  <pool name=\"fast lane\">\n"
                                "    <schedulingMode>FAIR</schedulingMode>\n"
                                "    <weight>\n 3 </weight> <!-- more -->\n"
                                "    <minShare>2</minShare>\n"
                                "  </pool>\n"
                                "  <pool name = 'slow'\n/>\n"
                                "  <pool name='default'><weight >7</weight\t></pool>\n"
                                "</allocations>\n";

// ---------------------------------------------------------------- the reader

static sl_code tell(void *ctx, const sli_allocation *pool, sl_error *err)
{
    sli_str *out = ctx;
    (void)err;
    sli_str_printf(out, "%d %.*s:", pool->line, (int)pool->name.size, pool->name.data);
    for (int32_t key = 0; key < SLI_ALLOCATION_KEYS; key++) {
        if (pool->values[key].data != NULL) {
            sli_str_printf(out, " %.*s@%d", (int)pool->values[key].size, pool->values[key].data,
                           pool->lines[key]);
        }
    }
    sli_str_char(out, '\n');
    return SL_OK;
}

SL_TEST(pools_are_read_as_spark_writes_them, "")
{
    sli_str out = SLI_STR_INIT;
    sl_error err = SL_ERROR_INIT;
    if (sli_allocations_each(sli_text_of(good), tell, &out, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    SL_CHECK_TEXT(out.data, "4 fast lane: FAIR@5 3@7 2@8\n10 slow:\n12 default: 7@12\n");
    sli_str_clear(&out);
    assert_int_equal(sli_allocations_each(sli_text_of("<allocations />"), tell, &out, &err), SL_OK);
    SL_CHECK_TEXT(out.data, "");
    sli_str_reset(&out);
}

static const struct mistake {
    const char *text, *says;
} mistakes[] = {
    {"", "line 1: the file ends too early"},
    {"\n\n", "line 3: the file ends too early"},
    {"pools", "line 1: text between elements"},
    {"<allocations>", "line 1: the file ends too early"},
    {"<allocations>\n<pool name='a'>\n", "line 3: the file ends too early"},
    {"<pools/>", "line 1: <pools> is no <allocations>"},
    {"<allocations>\n<pol name='a'/>", "line 2: <pol> takes no attribute"},
    {"<allocations>\n<pol/>", "line 2: <pol> is no <pool>"},
    {"<allocations>\n<pool/>", "line 2: a pool without a name"},
    {"<allocations>\n<pool name=''/>", "line 2: a pool without a name"},
    {"<allocations>\n<pool name='a' name='b'/>", "line 2: <pool> takes no attribute"},
    {"<allocations>\n<pool name='a'name='b'/>", "line 2: <pool> has no '>'"},
    {"<allocations>\n<pool nam='a'/>", "line 2: <pool> takes no attribute"},
    {"<allocations>\n<pool name 'a'/>", "line 2: a name is written"},
    {"<allocations>\n<pool name=a/>", "line 2: a name is written"},
    {"<allocations>\n<pool name='a\n", "line 2: a pool's name has no end"},
    {"<allocations>\n<pool name='R&amp;D'/>", "line 2: a pool's name has no end, or a '<' or '&'"},
    {"<allocations>\n<pool name='a'>\n<weigth>1</weigth>",
     "line 3: a pool has no <weigth>; did you mean <weight>?"},
    {"<allocations>\n<pool name='a'>\n<x>1</x>", "line 3: a pool has no <x>"},
    {"<allocations><pool name='a'>\n<weight>1</weight>\n<weight>1</weight>",
     "line 3: <weight> stands twice in its pool"},
    {"<allocations><pool name='a'>\n<weight>1</minShare>", "line 2: <weight> should have ended"},
    {"<allocations><pool name='a'>\n<weight>1<b/></weight>", "line 2: <weight> should have ended"},
    {"<allocations><pool name='a'>\n<weight>&#49;</weight>", "line 2: <weight> should have ended"},
    {"<allocations><pool name='a'>\n1</pool>", "line 2: text between elements"},
    {"<allocations><pool name='a'></allocations>", "line 1: <pool> should have ended"},
    {"<allocations/>\n<allocations/>", "line 2: something behind </allocations>"},
    {"\n<!-- \n", "line 2: what begins here has no \"-->\""},
    {"<?xml", "line 1: what begins here has no \"?>\""},
    {"<!DOCTYPE a [<!ENTITY b 'c'>]>", "line 1: no element's name"},
    {"<allocations>\n<![CDATA[a]]>", "line 2: no element's name"},
    {"<allocations>\n\xff", "line 2: not UTF-8"},
};

SL_TEST(what_is_wrong_in_an_allocation_file_is_told_with_its_line, "")
{
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        sli_str out = SLI_STR_INIT;
        sl_error err = SL_ERROR_INIT;
        sl_code rc = sli_allocations_each(sli_text_of(mistakes[i].text), tell, &out, &err);
        sli_str_reset(&out);
        if (rc != SL_E_CONFIG ||
            strncmp(err.text, mistakes[i].says, strlen(mistakes[i].says)) != 0) {
            fail_msg("%s: %s", mistakes[i].text, err.text);
        }
    }
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_allocations_each((sl_text){"<allocations>\n\0", 15}, tell, NULL, &err),
                     SL_E_CONFIG);
    SL_CHECK_TEXT(err.text, "line 2: not UTF-8 text");
}

SL_TEST(no_part_of_an_allocation_file_is_taken_for_all_of_it, "")
{
    size_t size = strlen(good);
    for (size_t n = 0; n < size; n++) { // in memory of its own, so that ASan sees what is read
        sli_str out = SLI_STR_INIT;
        sl_error err = SL_ERROR_INIT;
        char *part = sl_strndup(SLI_TAG_SCHED, good, n);
        assert_non_null(part);
        sl_code rc = sli_allocations_each((sl_text){part, n}, tell, &out, &err);
        if (rc == SL_OK ? n != size - 1 : strncmp(err.text, "line ", 5) != 0) {
            fail_msg("%zu bytes: %s", n, err.text);
        }
        sl_free(part);
        sli_str_reset(&out);
    }
}

// ---------------------------------------------------------------- the options

/// A scheduler with these settings in `w`; its error's text, "" when there is none.
static const char *opened(world *w, const char *settings, sli_sched **sched)
{
    static const sl_option *const tables[] = {sli_sched_options, NULL};
    static sl_error err;
    sl_conf *conf = NULL;
    sli_error_clear(&err);
    *sched = NULL;
    assert_int_equal(sl_conf_new(&conf, "test", tables, &err), SL_OK);
    assert_int_equal(sl_conf_parse(conf, settings, &err), SL_OK);
    sl_code rc = sli_sched_new(sched, w->runtime, w->exec, conf, &err);
    sl_conf_free(conf);
    assert_true((rc == SL_OK) == (*sched != NULL));
    return rc == SL_OK ? "" : err.text;
}

static void check_refused(const char *settings, const char *says)
{
    world w;
    sli_sched *sched = NULL;
    world_open(&w, (world_conf){.workers = 2});
    const char *text = opened(&w, settings, &sched);
    if (strstr(text, says) == NULL) {
        SL_CHECK_TEXT(text, says);
    }
    world_close(&w);
}

/// "jobs.pools_file=PATH ..." for a file with these bytes.
static const char *with_file(const char *bytes, size_t size, const char *more)
{
    static char settings[1200];
    char path[512];
    (void)snprintf(path, sizeof path, "%s/pools.xml", slt_temp_dir());
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(settings, sizeof settings, "jobs.pools_file=file:%s jobs.mode=fair %s", path,
                   more);
    return settings;
}

SL_TEST(pools_come_from_a_file_and_from_the_option, "")
{
    world w;
    sli_sched *sched = NULL;
    world_open(&w, (world_conf){.workers = 2});
    const char *text =
        opened(&w, with_file(good, strlen(good), "jobs.pools=more?weight=2 jobs.pool='fast lane'"),
               &sched);
    SL_CHECK_TEXT(text, "");
    assert_int_equal(sched->n_pools, 4);
    SL_CHECK_TEXT(sched->pools[1].name, "fast lane");
    assert_true(sched->pools[1].is_fair);
    assert_int_equal(sched->pools[1].weight, 3);
    assert_int_equal(sched->pools[1].min_share, 2);
    SL_CHECK_TEXT(sched->pools[2].name, "slow");
    assert_false(sched->pools[2].is_fair);
    assert_int_equal(sched->pools[2].weight, 1);
    assert_int_equal(sched->pools[0].weight, 7); // "default"
    SL_CHECK_TEXT(sched->pools[3].name, "more");
    int32_t usual = 0, first = 0;
    assert_int_equal(sli_sched_pool(sched, NULL, &usual, NULL), SL_OK);
    assert_int_equal(sli_sched_pool(sched, "default", &first, NULL), SL_OK);
    assert_int_equal(usual, 2);
    assert_int_equal(first, 1);
    sli_sched_free(sched);
    world_close(&w);
}

static const struct mistake file_mistakes[] = {
    {"<allocations><pool name='a'>\n<weight>0</weight></pool></allocations>",
     "pools.xml: line 2: <weight>: "},
    {"<allocations><pool name='a'>\n<weight></weight></pool></allocations>",
     "pools.xml: line 2: <weight>: "},
    {"<allocations><pool name='a'>\n<minShare>many</minShare></pool></allocations>",
     "pools.xml: line 2: <minShare>: "},
    {"<allocations><pool name='a'>\n<schedulingMode>NONE</schedulingMode></pool></allocations>",
     "pools.xml: line 2: <schedulingMode>: "},
    {"<allocations>\n<pool name='a'/>\n<pool name='a'/></allocations>",
     "pools.xml: line 3: pool \"a\" stands twice"},
    {"<allocations>\n<pool name='default'/>\n<pool name='default'/></allocations>",
     "pools.xml: line 3: pool \"default\" stands twice"},
    {"<allocations>\n<pool name='more'/></allocations>", "jobs.pools: pool \"more\" stands twice"},
    {"<allocations/>", "jobs.pool: jobs.pools and jobs.pools_file have no pool \"a\""},
    {"garbage", "pools.xml: line 1: text between elements"},
};

SL_TEST(pools_of_a_file_that_make_no_sense_are_told_with_file_and_line, "")
{
    for (size_t i = 0; i < sizeof file_mistakes / sizeof *file_mistakes; i++) {
        const char *text = file_mistakes[i].text;
        check_refused(with_file(text, strlen(text), "jobs.pools=more jobs.pool=a"),
                      file_mistakes[i].says);
    }
    sli_str many = SLI_STR_INIT;
    sli_str_text(&many, "<allocations>");
    for (int32_t i = 1; i <= SLI_MAX_POOLS; i++) {
        sli_str_printf(&many, "\n<pool name='%d'/>", i);
    }
    sli_str_text(&many, "</allocations>");
    check_refused(with_file(many.data, many.size, ""), "line 65: at most 63 pools");
    sli_str_reset(&many);
}

SL_TEST(a_file_of_pools_that_is_not_there_or_huge_is_refused, "")
{
    enum { HUGE = (1 << 20) + 1 };
    check_refused("jobs.pools_file=/nowhere/pools.xml", "jobs.pools_file, /nowhere/pools.xml: ");
    check_refused("jobs.pools_file=/", "jobs.pools_file, /: ");
    check_refused("jobs.pools_file=hdfs://host/pools.xml", "only a file of this machine is read");
    check_refused("jobs.pools_file='file:pools.xml?x=1'", "only a file of this machine is read");
    char *bytes = sl_alloc(SLI_TAG_SCHED, HUGE);
    assert_non_null(bytes);
    memset(bytes, ' ', HUGE);
    check_refused(with_file(bytes, HUGE, ""), "1048577 bytes are over the limit of 1048576");
    sl_free(bytes);
}
