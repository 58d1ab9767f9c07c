/// hdfs_test.c — a directory of HDFS as a source and as a table: on a simulated cluster, with what
/// goes wrong there, and, as *_hdfs, on a real one.
#include "sl_test.h"

#include <stdio.h>

#include "env/module.h"
#include "fs/hdfs/sim/cluster.h"
#include "namenode.h"
#include "source/fixture_test.h"

/// A cluster with an empty directory of the test's own.
typedef struct ground {
    slt_place *p;
    sli_hdfs_cluster *sim; ///< NULL: a real one
    sl_conf *conf;
    sli_fs *fs;
    char base[128], dir[128]; ///< "hdfs://HOST:PORT", "/tests/..."
} ground;

static void open_fs(ground *g)
{
    sli_url url;
    sl_error err = SL_ERROR_INIT;
    const sl_option *const tables[] = {sli_fs_hdfs.options, NULL};
    assert_int_equal(sl_conf_new(&g->conf, "hdfs", tables, NULL), SL_OK);
    assert_int_equal(sli_url_parse(g->base, &url, NULL), SL_OK);
    sli_fs_where where = {
        .url = &url, .conf = g->conf, .env = g->p->env, .modules = SLT_BUILD_DIR "/lib/sluice"};
    if (sli_fs_hdfs.open(&g->fs, &where, &err) != SL_OK ||
        g->fs->ops->mkdirs(g->fs, g->dir, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
}

static void start(ground *g, slt_place *p)
{
    *g = (ground){.p = p};
    if (p->world != NULL) {
        g->sim = sli_hdfs_cluster_new(p->world);
        assert_non_null(g->sim);
        (void)snprintf(g->base, sizeof g->base, "hdfs://nn1");
        (void)snprintf(g->dir, sizeof g->dir, "/in");
    } else {
        char id[33], web[64];
        slt_hdfs_web(web, sizeof web);
        assert_int_equal(sli_env_random_id(p->env, id, NULL), SL_OK);
        (void)snprintf(g->base, sizeof g->base, "hdfs://%s", web);
        (void)snprintf(g->dir, sizeof g->dir, "/tests/source-%s", id);
    }
    g->p->source_env.modules = SLT_BUILD_DIR "/lib/sluice";
    open_fs(g);
}

static void end(ground *g)
{
    (void)g->fs->ops->remove(g->fs, g->dir, NULL);
    g->fs->ops->close(g->fs);
    sl_conf_free(g->conf);
    sli_hdfs_cluster_free(g->sim);
}

static void put_bytes(ground *g, const char *name, const char *data, size_t size)
{
    sl_error err = SL_ERROR_INIT;
    sli_fs_file *file = NULL;
    const char *path = sli_path_join(g->p->arena, g->dir, name);
    sl_code rc = g->fs->ops->create(g->fs, path, &file, &err);
    rc = rc == SL_OK ? g->fs->ops->write(file, data, size, &err) : rc;
    rc = rc == SL_OK ? g->fs->ops->seal(&file, &err) : rc;
    if (rc != SL_OK) {
        fail_msg("%s: %s", path, err.text);
    }
}

static void put(ground *g, const char *name, const char *text)
{
    put_bytes(g, name, text, strlen(text));
}

static sli_source *open_at(ground *g, const char *query)
{
    return slt_open(g->p, sl_arena_printf(g->p->arena, "%s%s?%s", g->base, g->dir, query),
                    (sl_bytes){NULL, 0});
}

#define HDFS_TEST(name)                                                                            \
    static void check_##name(ground *g);                                                           \
    static void run_##name(bool sim)                                                               \
    {                                                                                              \
        slt_place p;                                                                               \
        ground g;                                                                                  \
        slt_place_open(&p, sim);                                                                   \
        start(&g, &p);                                                                             \
        check_##name(&g);                                                                          \
        end(&g);                                                                                   \
        slt_place_close(&p);                                                                       \
    }                                                                                              \
    SL_TEST(name##_sim, "")                                                                        \
    {                                                                                              \
        run_##name(true);                                                                          \
    }                                                                                              \
    SL_TEST(name##_hdfs, "")                                                                       \
    {                                                                                              \
        (void)slt_hdfs_dir();                                                                      \
        run_##name(false);                                                                         \
    }                                                                                              \
    static void check_##name(ground *g)

// ---------------------------------------------------------------- a stream

HDFS_TEST(hdfs_source_takes_each_file_once)
{
    put(g, "a.txt", "to be\nor not\n");
    put(g, ".hidden", "no\n");
    put(g, "_temporary", "no\n");
    put(g, "b.txt._COPYING_", "no\n");
    put(g, "empty", "");
    sli_source *source = open_at(g, "");
    SL_CHECK_TEXT(slt_take(g->p, source), "to be;or not;");
    SL_CHECK_TEXT(slt_take(g->p, source), "");
    assert_int_equal(g->fs->ops->rename(g->fs,
                                        sli_path_join(g->p->arena, g->dir, "b.txt._COPYING_"),
                                        sli_path_join(g->p->arena, g->dir, "b.txt"), NULL),
                     SL_OK);
    SL_CHECK_TEXT(slt_take(g->p, source), "no;");
    sl_bytes position = slt_position(g->p, source);
    sli_source_close(source);
    put(g, "c.txt", "that\n");
    source = slt_open(g->p, sl_arena_printf(g->p->arena, "%s%s", g->base, g->dir), position);
    SL_CHECK_TEXT(slt_take(g->p, source), "that;");
    sli_source_close(source);
}

HDFS_TEST(hdfs_source_reads_formats)
{
    put(g, "a", "word,n\nx,1\ny,2\n");
    sli_source *source = open_at(g, "format=csv&header=true&schema=word%20string,%20n%20int64");
    SL_CHECK_TEXT(slt_take(g->p, source), "x,1;y,2;");
    sli_source_close(source);
    assert_int_equal(g->fs->ops->remove(g->fs, sli_path_join(g->p->arena, g->dir, "a"), NULL),
                     SL_OK);
    put(g, "b", "{\"word\":\"x\",\"n\":1}\n{\"word\":\"y\",\"n\":2}\n");
    source = open_at(g, "format=json&schema=word%20string,%20n%20int64");
    SL_CHECK_TEXT(slt_take(g->p, source), "x,1;y,2;");
    sli_source_close(source);
}

/// Simulated worlds run the real DuckDB.
static void let_duckdb(ground *g)
{
    static const sli_module_want want = {.name = "sql_duckdb", .abi = SLI_DB_ABI, .why = "a test"};
    const sli_module *module = NULL;
    sl_env *real = NULL;
    if (g->p->world != NULL) {
        assert_int_equal(sli_env_posix(&real, NULL), SL_OK);
        assert_int_equal(sli_module_load(real, SLT_BUILD_DIR "/lib/sluice", &want, &module, NULL),
                         SL_OK);
        assert_true(sli_world_module(g->p->world, "sql_duckdb", module));
        sli_env_free(real);
    }
}

static void put_parquet(ground *g, const char *name, const char *from, size_t less)
{
    char path[512], bytes[4096];
    (void)snprintf(path, sizeof path, SLT_SOURCE_DIR "/src/source/file/parquet_test/%s", from);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    put_bytes(g, name, bytes, n - less);
}

/// Copied to where DuckDB reaches it, which leaves nothing behind.
HDFS_TEST(hdfs_source_reads_parquet)
{
    static const char words[] = "format=parquet&schema=word%20string?,%20n%20int64";
    const char *spill = sl_arena_printf(g->p->arena, "%s/../copies", g->p->dir);
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    let_duckdb(g);
    g->p->source_env.spill_dir = spill;
    put_parquet(g, "a.parquet", "snappy.parquet", 0);
    sli_source *source = open_at(g, words);
    SL_CHECK_TEXT(slt_take(g->p, source), "to,1;be,2;null,3;");
    put_parquet(g, "b.parquet", "zstd.parquet", 1);
    slt_offer(g->p, source);
    const char *rows = NULL;
    assert_int_equal(slt_read(g->p, source, g->p->offer.range, &rows), SL_E_DATA);
    assert_non_null(strstr(g->p->err.text, "/b.parquet: No magic bytes found"));
    sli_source_close(source);
    source = open_at(g, sl_arena_printf(g->p->arena, "malformed=skip&%s", words));
    SL_CHECK_TEXT(slt_take(g->p, source), "to,1;be,2;null,3;");
    sli_source_close(source);
    if (g->p->world == NULL) { // where copies were made
        assert_int_equal(sli_env_remove_dir(g->p->env, spill, NULL), SL_OK);
    }
}

HDFS_TEST(hdfs_source_reads_splits_and_directories_below)
{
    put(g, "long", "first\nsecond line\nthird\nthe fourth line is the longest\nfifth\n");
    assert_int_equal(
        g->fs->ops->mkdirs(g->fs, sli_path_join(g->p->arena, g->dir, "sub/below"), NULL), SL_OK);
    put(g, "sub/below/x", "deep\n");
    sli_source *source = open_at(g, "split=16&recursive=true&glob=?ong");
    slt_offer(g->p, source);
    assert_int_equal(g->p->offer.n_splits, 4);
    const char *rows = NULL;
    assert_int_equal(slt_read(g->p, source, g->p->offer.range, &rows), SL_OK);
    SL_CHECK_TEXT(rows, "first;second line;third;the fourth line is the longest;fifth;");
    sli_source_close(source);
    source = open_at(g, "recursive=true&glob=x");
    SL_CHECK_TEXT(slt_take(g->p, source), "deep;");
    sli_source_close(source);
}

HDFS_TEST(hdfs_source_tells_what_changed)
{
    put(g, "a", "one\n");
    sli_source *source = open_at(g, "");
    slt_offer(g->p, source);
    sl_bytes range = g->p->offer.range;
    const char *path = sli_path_join(g->p->arena, g->dir, "a"), *rows = NULL;
    assert_int_equal(g->fs->ops->remove(g->fs, path, NULL), SL_OK);
    assert_int_equal(slt_read(g->p, source, range, &rows), SL_E_NOT_FOUND);
    assert_non_null(strstr(g->p->err.text, "gone since an epoch took it"));
    put(g, "a", "other\n");
    assert_int_equal(slt_read(g->p, source, range, &rows), SL_E_IO);
    assert_non_null(strstr(g->p->err.text, "changed since an epoch took it"));
    SL_CHECK_TEXT(slt_take(g->p, source), "other;"); // another file under the same name
    sli_source_close(source);
}

HDFS_TEST(hdfs_table_is_what_is_there)
{
    put(g, "a", "one\n");
    put(g, "b", "two\n");
    const char *const urls[] = {"", "/b"}, *const expected[] = {"one;two;", "two;"};
    for (int i = 0; i < 2; i++) {
        sli_source *source = NULL;
        const char *url = sl_arena_printf(g->p->arena, "%s%s%s", g->base, g->dir, urls[i]);
        assert_int_equal(sli_table_open(&source, url, &g->p->source_env, &g->p->err), SL_OK);
        SL_CHECK_TEXT(slt_take(g->p, source), expected[i]);
        sli_source_close(source);
    }
}

// ---------------------------------------------------------------- trouble

SL_TEST(hdfs_source_goes_on_after_lost_connections, "")
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        slt_place p;
        ground g;
        slt_place_open_sim(&p, seed);
        start(&g, &p);
        for (int i = 0; i < 10; i++) {
            put(&g, sl_arena_printf(p.arena, "%d", i), "some lines\nof a file\nthat is cut\n");
        }
        sli_hdfs_cluster_lose(g.sim, 0.3);
        sli_source *source = open_at(&g, "split=16&retry_timeout=10m");
        size_t n = 0, all = 10 * strlen("some lines;of a file;that is cut;");
        for (int i = 0; i < 10 && n < all; i++) { // now and then the directory can't be listed
            n += strlen(slt_take(&p, source));
        }
        assert_int_equal(n, all);
        sli_source_close(source);
        end(&g);
        slt_place_close(&p);
    }
}

SL_TEST(hdfs_source_waits_for_a_cluster_that_is_away, "")
{
    slt_place p;
    ground g;
    slt_place_open_sim(&p, 1);
    start(&g, &p);
    put(&g, "a", "one\n");
    sli_source *source = open_at(&g, "retry_timeout=5m");
    sli_hdfs_cluster_away(g.sim, SLI_FOREVER);
    int64_t began = sli_env_mono_us(p.env);
    SL_CHECK_TEXT(slt_take(&p, source), "");                // an epoch without files, and a warning
    assert_true(sli_env_mono_us(p.env) - began <= 2000000); // one of them is slt_offer's own
    assert_int_equal(slt_metric(&p, SLI_SOURCE_UNREADABLE), 1);
    sli_hdfs_cluster_away(g.sim, 0);
    SL_CHECK_TEXT(slt_take(&p, source), "one;");
    sli_source_close(source);
    end(&g);
    slt_place_close(&p);
}

SL_TEST(hdfs_source_names_what_is_missing, "")
{
    slt_place p;
    sli_source *source = NULL;
    slt_place_open_sim(&p, 1);
    assert_int_equal(slt_open_url(&p, "hdfs://nn1:9870", &source), SL_E_CONFIG);
    assert_non_null(strstr(p.err.text, "hdfs://HOST:PORT/DIR"));
    assert_int_equal(slt_open_url(&p, "hdfs:/in", &source), SL_E_CONFIG);
    assert_non_null(strstr(p.err.text, "hdfs://HOST:9870/DIR"));
    slt_place_close(&p);
}
