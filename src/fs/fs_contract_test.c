/// fs_contract_test.c — what every file system promises: on the real disk and the simulated one, on
/// a simulated HDFS (with and without options of RENAME) and, as *_hdfs, on a real one.
#include "sl_test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "env/sim.h"
#include "fs/fs.h"
#include "fs/hdfs/sim/cluster.h"
#include "namenode.h"

/// A file system with an empty directory of its own.
typedef struct place {
    sl_env *env;
    sli_world *world;          ///< NULL: the real one
    sli_hdfs_cluster *cluster; ///< NULL: no simulated HDFS
    sl_conf *conf;
    sli_fs *fs;
    const sli_fs_ops *ops;
    sl_arena *arena;
    const char *dir;
} place;

static const char *at(place *p, const char *name)
{
    const char *path = sli_path_join(p->arena, p->dir, name);
    assert_non_null(path);
    return path;
}

static void open_place(place *p)
{
    if (p->fs == NULL) {
        assert_int_equal(sli_fs_open_local(&p->fs, p->env, NULL), SL_OK);
    }
    p->ops = p->fs->ops;
    p->arena = sl_arena_new(SLI_TAG_TEST);
    assert_non_null(p->arena);
}

static void close_place(place *p)
{
    p->ops->close(p->fs);
    sl_conf_free(p->conf);
    sl_arena_free(p->arena);
    sli_env_free(p->env);
    if (p->world != NULL) {
        sli_hdfs_cluster_free(p->cluster);
        sli_world_free(p->world);
    }
}

static void on_real_disk(void (*body)(place *))
{
    place p = {.dir = slt_temp_dir()};
    assert_int_equal(sli_env_posix(&p.env, NULL), SL_OK);
    open_place(&p);
    body(&p);
    close_place(&p);
}

static void on_simulated_disk(void (*body)(place *))
{
    place p = {.world = sli_world_new(&(sli_world_conf){.seed = 5}), .dir = "/data"};
    assert_int_equal(sli_world_boot(p.world, NULL, &p.env, NULL), SL_OK);
    assert_int_equal(sli_env_mkdirs(p.env, p.dir, NULL), SL_OK);
    open_place(&p);
    body(&p);
    close_place(&p);
}

/// Pieces are small, so that a file is joined from several.
static void open_hdfs(place *p, const char *url_text)
{
    sli_url url;
    sl_error err = SL_ERROR_INIT;
    const sl_option *const tables[] = {sli_fs_hdfs.options, NULL};
    assert_int_equal(sl_conf_new(&p->conf, "hdfs", tables, NULL), SL_OK);
    assert_int_equal(sl_conf_set(p->conf, "piece", sli_text_of("1KiB"), NULL), SL_OK);
    assert_int_equal(sli_url_parse(url_text, &url, NULL), SL_OK);
    sli_fs_where where = {
        .url = &url, .conf = p->conf, .env = p->env, .modules = SLT_BUILD_DIR "/lib/sluice"};
    if (sli_fs_hdfs.open(&p->fs, &where, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    open_place(p);
    if (p->ops->mkdirs(p->fs, p->dir, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
}

static void on_simulated_hdfs(void (*body)(place *), bool old_rename)
{
    place p = {.world = sli_world_new(&(sli_world_conf){.seed = 5}), .dir = "/data"};
    p.cluster = sli_hdfs_cluster_new(p.world);
    assert_non_null(p.cluster);
    sli_hdfs_cluster_old_rename(p.cluster, old_rename);
    assert_int_equal(sli_world_boot(p.world, NULL, &p.env, NULL), SL_OK);
    open_hdfs(&p, "hdfs://nn1:9870/");
    body(&p);
    close_place(&p);
}

static void on_hdfs(void (*body)(place *), const char *name)
{
    char web[64], url[96], id[33], dir[160];
    place p = {.dir = dir};
    slt_hdfs_web(web, sizeof web);
    assert_int_equal(sli_env_posix(&p.env, NULL), SL_OK);
    assert_int_equal(sli_env_random_id(p.env, id, NULL), SL_OK);
    (void)snprintf(url, sizeof url, "hdfs://%s", web);
    (void)snprintf(dir, sizeof dir, "/tests/%s-%s", name, id);
    open_hdfs(&p, url);
    body(&p);
    close_place(&p);
}

/// On this machine alone: what comes from how directories are read here.
#define FS_LOCAL_TEST(name)                                                                        \
    static void name##_body(place *p);                                                             \
    SL_TEST(name, "")                                                                              \
    {                                                                                              \
        on_real_disk(name##_body);                                                                 \
        on_simulated_disk(name##_body);                                                            \
    }                                                                                              \
    static void name##_body(place *p)

#define FS_TEST(name)                                                                              \
    static void name##_body(place *p);                                                             \
    SL_TEST(name, "")                                                                              \
    {                                                                                              \
        on_real_disk(name##_body);                                                                 \
        on_simulated_disk(name##_body);                                                            \
        on_simulated_hdfs(name##_body, false);                                                     \
        on_simulated_hdfs(name##_body, true);                                                      \
    }                                                                                              \
    SL_TEST(name##_hdfs, "")                                                                       \
    {                                                                                              \
        on_hdfs(name##_body, #name);                                                               \
    }                                                                                              \
    static void name##_body(place *p)

static void put(place *p, const char *name, const char *content)
{
    sli_fs_file *file = NULL;
    assert_int_equal(p->ops->create(p->fs, at(p, name), &file, NULL), SL_OK);
    assert_int_equal(p->ops->write(file, content, strlen(content), NULL), SL_OK);
    assert_int_equal(p->ops->seal(&file, NULL), SL_OK);
    assert_null(file);
}

static void check_content(place *p, const char *name, const char *content)
{
    char got[256] = {0};
    size_t n = 0;
    assert_int_equal(p->ops->read(p->fs, at(p, name), 0, got, sizeof(got) - 1, &n, NULL), SL_OK);
    assert_int_equal(n, strlen(content));
    assert_string_equal(got, content);
}

static sl_code stat_of(place *p, const char *name, sli_fs_entry *out)
{
    return p->ops->stat(p->fs, at(p, name), out, NULL);
}

static bool is_there(place *p, const char *name)
{
    sli_fs_entry entry = {0};
    sl_code rc = stat_of(p, name, &entry);
    assert_true(rc == SL_OK || rc == SL_E_NOT_FOUND);
    return rc == SL_OK;
}

static sl_code note_entry(void *ctx, const sli_fs_entry *entry, sl_error *err)
{
    (void)err;
    sli_str_printf(ctx, "%s%s:%lld ", entry->name, entry->is_dir ? "/" : "",
                   entry->is_dir ? 0LL : (long long)entry->size_bytes);
    return SL_OK;
}

static void check_list(place *p, const char *dir, const char *expected)
{
    sli_str out = SLI_STR_INIT;
    assert_int_equal(p->ops->list(p->fs, at(p, dir), note_entry, &out, NULL), SL_OK);
    SL_CHECK_TEXT(out.data == NULL ? "" : out.data, expected);
    sli_str_reset(&out);
}

// ---------------------------------------------------------------- files

FS_TEST(fs_writes_and_reads_back)
{
    sli_fs_file *file = NULL;
    assert_int_equal(p->ops->create(p->fs, at(p, "f"), &file, NULL), SL_OK);
    assert_int_equal(p->ops->write(file, "abc", 3, NULL), SL_OK);
    assert_int_equal(p->ops->write(file, "", 0, NULL), SL_OK);
    assert_int_equal(p->ops->write(file, "defg", 4, NULL), SL_OK);
    assert_int_equal(p->ops->seal(&file, NULL), SL_OK);
    assert_null(file);
    check_content(p, "f", "abcdefg");
    sli_fs_entry entry = {.name = "x"};
    assert_int_equal(stat_of(p, "f", &entry), SL_OK);
    assert_null(entry.name);
    assert_int_equal(entry.size_bytes, 7);
    assert_false(entry.is_dir);
    assert_true(entry.modified_us > INT64_C(1500000000000000)); // microseconds, this century
    uint64_t identity = entry.identity;
    assert_true(identity != 0);
    put(p, "g", "");
    assert_int_equal(stat_of(p, "g", &entry), SL_OK);
    assert_int_equal(entry.size_bytes, 0);
    assert_true(entry.identity != identity);
    assert_int_equal(p->ops->rename(p->fs, at(p, "f"), at(p, "h"), NULL), SL_OK);
    assert_int_equal(stat_of(p, "h", &entry), SL_OK);
    assert_true(entry.identity == identity); // a rename keeps the file
}

FS_TEST(fs_reads_at_offsets)
{
    put(p, "f", "0123456789");
    char got[8] = {0};
    size_t n = 99;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(p->ops->read(p->fs, at(p, "f"), 3, got, 4, &n, &err), SL_OK);
    assert_int_equal(n, 4);
    assert_string_equal(got, "3456");
    assert_int_equal(p->ops->read(p->fs, at(p, "f"), 8, got, 4, &n, &err), SL_OK);
    assert_int_equal(n, 2);
    assert_memory_equal(got, "89", 2);
    assert_int_equal(p->ops->read(p->fs, at(p, "f"), 10, got, 4, &n, &err), SL_OK);
    assert_int_equal(n, 0);
    assert_int_equal(p->ops->read(p->fs, at(p, "f"), INT64_C(1) << 40, got, 4, &n, &err), SL_OK);
    assert_int_equal(n, 0);
    n = 77;
    assert_int_equal(p->ops->read(p->fs, at(p, "f"), -1, got, 4, &n, &err), SL_E_INVALID);
    assert_int_equal(p->ops->read(p->fs, at(p, "none"), 0, got, 4, &n, &err), SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "none"));
    assert_int_not_equal(p->ops->read(p->fs, p->dir, 0, got, 4, &n, &err), SL_OK);
    assert_int_equal(n, 77);
}

FS_TEST(fs_reads_front_to_back)
{
    char some[4096], got[4096] = {0};
    for (size_t i = 0; i < sizeof some; i++) {
        some[i] = (char)('a' + i % 26);
    }
    sli_fs_file *file = NULL;
    assert_int_equal(p->ops->create(p->fs, at(p, "f"), &file, NULL), SL_OK);
    assert_int_equal(p->ops->write(file, some, sizeof some - 1, NULL), SL_OK);
    assert_int_equal(p->ops->write(file, some + sizeof some - 1, 1, NULL), SL_OK);
    assert_int_equal(p->ops->seal(&file, NULL), SL_OK);
    sli_fs_reader *reader = NULL;
    size_t n = 0;
    assert_int_equal(p->ops->reader_open(p->fs, at(p, "f"), 100, &reader, NULL), SL_OK);
    assert_int_equal(p->ops->reader_next(reader, got, 3000, &n, NULL), SL_OK);
    assert_int_equal(n, 3000);
    assert_int_equal(p->ops->reader_next(reader, got + 3000, 3000, &n, NULL), SL_OK);
    assert_int_equal(n, sizeof some - 3100);
    assert_memory_equal(got, some + 100, sizeof some - 100);
    assert_int_equal(p->ops->reader_next(reader, got, 1, &n, NULL), SL_OK);
    assert_int_equal(n, 0);
    p->ops->reader_close(&reader);
    assert_null(reader);
    p->ops->reader_close(&reader); // nothing: nothing happens
    assert_int_equal(p->ops->reader_open(p->fs, at(p, "f"), 1 << 20, &reader, NULL), SL_OK);
    assert_int_equal(p->ops->reader_next(reader, got, 1, &n, NULL), SL_OK);
    assert_int_equal(n, 0);
    p->ops->reader_close(&reader);
    assert_int_equal(p->ops->reader_open(p->fs, at(p, "f"), -1, &reader, NULL), SL_E_INVALID);
}

FS_TEST(fs_create_never_replaces)
{
    put(p, "f", "old");
    sli_fs_file *file = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(p->ops->create(p->fs, at(p, "f"), &file, &err), SL_E_EXISTS);
    assert_non_null(strstr(err.text, "f"));
    assert_int_equal(p->ops->mkdirs(p->fs, at(p, "d"), &err), SL_OK);
    assert_int_not_equal(p->ops->create(p->fs, at(p, "d"), &file, &err), SL_OK);
    assert_int_equal(p->ops->create(p->fs, at(p, "no/f"), &file, &err), SL_E_NOT_FOUND);
    assert_int_equal(p->ops->create(p->fs, at(p, "f/f"), &file, &err), SL_E_NOT_FOUND);
    assert_null(file);
    check_content(p, "f", "old");
    check_list(p, "", "d/:0 f:3 ");
}

FS_TEST(fs_discard_leaves_nothing)
{
    sli_fs_file *file = NULL;
    p->ops->discard(&file); // nothing: nothing happens
    assert_int_equal(p->ops->create(p->fs, at(p, "f"), &file, NULL), SL_OK);
    assert_int_equal(p->ops->write(file, "abc", 3, NULL), SL_OK);
    p->ops->discard(&file);
    assert_null(file);
    assert_false(is_there(p, "f"));
    put(p, "f", "again");
    check_content(p, "f", "again");
}

FS_TEST(fs_names_show_before_their_files_are_whole_only_where_it_says_so)
{
    char bytes[3000] = {0}; // more than a piece
    sli_fs_file *file = NULL;
    assert_int_equal(p->ops->create(p->fs, at(p, "f"), &file, NULL), SL_OK);
    assert_int_equal(p->ops->write(file, bytes, sizeof bytes, NULL), SL_OK);
    if ((p->ops->abilities & SLI_FS_SHOWS_WHOLE) != 0) {
        assert_false(is_there(p, "f"));
    }
    assert_int_equal(p->ops->seal(&file, NULL), SL_OK);
    assert_true(is_there(p, "f"));
}

/// What a directory that is gone had cannot get a name any more: snapshots rest on that.
FS_TEST(fs_a_directory_that_is_removed_takes_all_that_is_on_its_way)
{
    sli_fs_file *file = NULL;
    assert_int_equal(p->ops->mkdirs(p->fs, at(p, "d"), NULL), SL_OK);
    put(p, "d/sealed", "1");
    assert_int_equal(p->ops->create(p->fs, at(p, "d/f"), &file, NULL), SL_OK);
    assert_int_equal(p->ops->write(file, "2", 1, NULL), SL_OK);
    assert_int_equal(p->ops->remove(p->fs, at(p, "d"), NULL), SL_OK);
    (void)!p->ops->seal(&file, NULL); // may not know yet
    assert_null(file);
    assert_int_equal(p->ops->create(p->fs, at(p, "d/g"), &file, NULL), SL_E_NOT_FOUND);
    assert_int_equal(p->ops->rename(p->fs, at(p, "d/f"), at(p, "f"), NULL), SL_E_NOT_FOUND);
    assert_int_equal(p->ops->rename(p->fs, at(p, "d/sealed"), at(p, "g"), NULL), SL_E_NOT_FOUND);
    check_list(p, "", "");
}

// ---------------------------------------------------------------- names

FS_TEST(fs_rename_never_replaces)
{
    sl_error err = SL_ERROR_INIT;
    put(p, "a", "A");
    put(p, "b", "B");
    assert_int_equal(p->ops->rename(p->fs, at(p, "a"), at(p, "b"), &err), SL_E_EXISTS);
    assert_non_null(strstr(err.text, "b"));
    check_content(p, "a", "A");
    check_content(p, "b", "B");
    assert_int_equal(p->ops->mkdirs(p->fs, at(p, "empty"), NULL), SL_OK);
    assert_int_equal(p->ops->mkdirs(p->fs, at(p, "full"), NULL), SL_OK);
    put(p, "full/x", "X");
    assert_int_equal(p->ops->rename(p->fs, at(p, "full"), at(p, "empty"), &err),
                     SL_E_EXISTS); // plain rename would
    assert_int_equal(p->ops->rename(p->fs, at(p, "a"), at(p, "empty"), &err), SL_E_EXISTS);
    assert_int_equal(p->ops->rename(p->fs, at(p, "full"), at(p, "a"), &err), SL_E_EXISTS);
    assert_int_equal(p->ops->rename(p->fs, at(p, "none"), at(p, "c"), &err), SL_E_NOT_FOUND);
    assert_int_equal(p->ops->rename(p->fs, at(p, "a"), at(p, "none/c"), &err), SL_E_NOT_FOUND);
    check_list(p, "", "a:1 b:1 empty/:0 full/:0 ");
}

FS_TEST(fs_rename_moves_files_and_directories)
{
    assert_int_equal(p->ops->mkdirs(p->fs, at(p, "from/sub"), NULL), SL_OK);
    assert_int_equal(p->ops->mkdirs(p->fs, at(p, "to"), NULL), SL_OK);
    put(p, "from/x", "X");
    put(p, "from/sub/y", "Y");
    assert_int_equal(p->ops->rename(p->fs, at(p, "from/x"), at(p, "to/z"), NULL), SL_OK);
    check_content(p, "to/z", "X");
    assert_false(is_there(p, "from/x"));
    assert_int_equal(p->ops->rename(p->fs, at(p, "from"), at(p, "to/moved"), NULL), SL_OK);
    check_content(p, "to/moved/sub/y", "Y");
    check_list(p, "", "to/:0 ");
    assert_int_equal(p->ops->sync_dir(p->fs, at(p, "to"), NULL), SL_OK);
}

FS_LOCAL_TEST(fs_syncs_directories_that_are_there)
{
    assert_int_equal(p->ops->sync_dir(p->fs, p->dir, NULL), SL_OK);
    assert_int_equal(p->ops->sync_dir(p->fs, at(p, "none"), NULL), SL_E_NOT_FOUND);
}

FS_TEST(fs_mkdirs_makes_parents_and_is_content_with_what_is_there)
{
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(p->ops->mkdirs(p->fs, at(p, "a/b/c"), &err), SL_OK);
    assert_int_equal(p->ops->mkdirs(p->fs, at(p, "a/b/c/"), &err), SL_OK);
    assert_int_equal(p->ops->mkdirs(p->fs, at(p, "a"), &err), SL_OK);
    sli_fs_entry entry = {0};
    assert_int_equal(stat_of(p, "a/b/c", &entry), SL_OK);
    assert_true(entry.is_dir);
    put(p, "f", "x");
    assert_int_equal(p->ops->mkdirs(p->fs, at(p, "f"), &err), SL_E_EXISTS);
    assert_int_not_equal(p->ops->mkdirs(p->fs, at(p, "f/g"), &err), SL_OK);
    check_content(p, "f", "x");
}

FS_TEST(fs_list_is_in_byte_order)
{
    const char *const names[] = {"b",       "a",        "B",  "a.b", "a-b",
                                 ".hidden", "\xc3\xa4", "10", "9",   "space name"};
    check_list(p, "", "");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        put(p, names[i], names[i]);
    }
    assert_int_equal(p->ops->mkdirs(p->fs, at(p, "aa"), NULL), SL_OK);
    check_list(p, "", ".hidden:7 10:2 9:1 B:1 a:1 a-b:3 a.b:3 aa/:0 b:1 space name:10 \xc3\xa4:2 ");
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(p->ops->list(p->fs, at(p, "none"), note_entry, NULL, &err), SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "none"));
    assert_int_not_equal(p->ops->list(p->fs, at(p, "a"), note_entry, NULL, &err), SL_OK);
}

typedef struct knowing {
    sli_str told;
    uint64_t identity; ///< of what is known
    bool was_asked;
} knowing;

static bool knows_one(void *ctx, const char *name, uint64_t identity)
{
    knowing *k = ctx;
    (void)name;
    k->was_asked = true;
    return identity == k->identity;
}

static sl_code note_known(void *ctx, const sli_fs_entry *entry, sl_error *err)
{
    knowing *k = ctx;
    sli_str_text(&k->told, entry->is_known ? "known " : "");
    return note_entry(&k->told, entry, err);
}

// Without `scan` a file system tells all by `list`, at no cost.
FS_TEST(fs_scan_looks_at_what_is_not_known)
{
    sli_fs_entry known = {0};
    put(p, "a", "1");
    put(p, "b", "22");
    put(p, "c", "333");
    assert_int_equal(p->ops->mkdirs(p->fs, at(p, "d"), NULL), SL_OK);
    assert_int_equal(stat_of(p, "b", &known), SL_OK);
    if (p->ops->scan == NULL) {
        return;
    }
    knowing k = {.identity = known.identity};
    assert_int_equal(p->ops->scan(p->fs, p->dir, knows_one, note_known, &k, NULL), SL_OK);
    if (k.was_asked) { // the file system under the test says what is a file
        SL_CHECK_TEXT(k.told.data, "a:1 known b:0 c:3 d/:0 ");
    } else {
        SL_CHECK_TEXT(k.told.data, "a:1 b:2 c:3 d/:0 ");
    }
    sli_str_clear(&k.told);
    put(p, "e", "4444");
    assert_int_equal(p->ops->remove(p->fs, at(p, "b"), NULL), SL_OK);
    assert_int_equal(p->ops->rename(p->fs, at(p, "e"), at(p, "b"), NULL), SL_OK);
    assert_int_equal(p->ops->scan(p->fs, p->dir, knows_one, note_known, &k, NULL), SL_OK);
    SL_CHECK_TEXT(k.told.data, "a:1 b:4 c:3 d/:0 "); // another file of that name
    sli_str_reset(&k.told);
}

typedef struct vanishing {
    place *p;
    int told;
    sl_code answer;
} vanishing;

static sl_code remove_the_next(void *ctx, const sli_fs_entry *entry, sl_error *err)
{
    vanishing *v = ctx;
    assert_string_not_equal(entry->name, "b");
    v->told++;
    SL_TRY(v->p->ops->remove(v->p->fs, at(v->p, "b"), err));
    return v->answer == SL_OK ? SL_OK : sl_error_set(err, v->answer, "told of %s", entry->name);
}

FS_LOCAL_TEST(fs_list_skips_what_vanishes_meanwhile)
{
    put(p, "a", "");
    put(p, "b", "");
    put(p, "c", "");
    vanishing v = {.p = p};
    assert_int_equal(p->ops->list(p->fs, p->dir, remove_the_next, &v, NULL), SL_OK);
    assert_int_equal(v.told, 2);
}

FS_TEST(fs_list_stops_with_the_callers_error)
{
    put(p, "a", "");
    put(p, "c", "");
    const sl_code codes[] = {SL_E_USER, SL_E_NOT_FOUND, SL_E_END};
    for (size_t i = 0; i < 3; i++) {
        vanishing v = {.p = p, .answer = codes[i]};
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(p->ops->list(p->fs, p->dir, remove_the_next, &v, &err), codes[i]);
        assert_int_equal(v.told, 1);
        assert_string_equal(err.text, "told of a");
    }
}

// ---------------------------------------------------------------- removing

FS_TEST(fs_removes_files_trees_and_nothing)
{
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(p->ops->remove(p->fs, at(p, "none"), &err), SL_OK);
    assert_int_equal(p->ops->remove(p->fs, at(p, "none/below"), &err), SL_OK);
    put(p, "f", "x");
    assert_int_equal(p->ops->remove(p->fs, at(p, "f/below"), &err), SL_OK);
    assert_true(is_there(p, "f"));
    assert_int_equal(p->ops->remove(p->fs, at(p, "f"), &err), SL_OK);
    assert_int_equal(p->ops->mkdirs(p->fs, at(p, "empty"), &err), SL_OK);
    assert_int_equal(p->ops->remove(p->fs, at(p, "empty"), &err), SL_OK);
    assert_int_equal(p->ops->mkdirs(p->fs, at(p, "t/a/b/c"), &err), SL_OK);
    assert_int_equal(p->ops->mkdirs(p->fs, at(p, "t/d"), &err), SL_OK);
    put(p, "t/x", "");
    put(p, "t/a/b/y", "");
    put(p, "tt", "beside");
    assert_int_equal(p->ops->remove(p->fs, at(p, "t"), &err), SL_OK);
    check_list(p, "", "tt:6 ");
    assert_string_equal(err.text, ""); // what was tried on the way is not told
}

FS_LOCAL_TEST(fs_removes_a_directory_of_more_names_than_it_keeps)
{
    char name[32];
    assert_int_equal(p->ops->mkdirs(p->fs, at(p, "many"), NULL), SL_OK);
    for (int i = 0; i < 2345; i++) {
        snprintf(name, sizeof(name), "many/%d", i);
        sli_fs_file *file = NULL;
        assert_int_equal(p->ops->create(p->fs, at(p, name), &file, NULL), SL_OK);
        if (i % 500 == 0) {
            assert_int_equal(p->ops->seal(&file, NULL), SL_OK);
        } else {
            sl_code rc = p->ops->write(file, "x", 1, NULL);
            assert_int_equal(rc, SL_OK);
            p->ops->discard(&file);
            snprintf(name, sizeof(name), "many/d%d", i); // cheaper than a sync each
            assert_int_equal(p->ops->mkdirs(p->fs, at(p, name), NULL), SL_OK);
        }
    }
    assert_int_equal(p->ops->remove(p->fs, at(p, "many"), NULL), SL_OK);
    check_list(p, "", "");
}

SL_TEST(fs_remove_bounds_depth, "")
{
    place p = {.dir = slt_temp_dir()};
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_env_posix(&p.env, NULL), SL_OK);
    open_place(&p);
    const char *path = at(&p, "0"), *low = NULL;
    for (int i = 1; i < 70; i++) {
        path = sli_path_join(p.arena, path, "d");
        low = i == 10 ? path : low;
    }
    assert_int_equal(p.ops->mkdirs(p.fs, path, NULL), SL_OK);
    assert_int_equal(p.ops->remove(p.fs, at(&p, "0"), &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "64 directories"));
    assert_int_equal(p.ops->remove(p.fs, low, &err), SL_OK);
    assert_int_equal(p.ops->remove(p.fs, at(&p, "0"), &err), SL_OK);
    check_list(&p, "", "");
    close_place(&p);
}

SL_TEST(fs_follows_no_link_when_removing_and_opens_no_pipe, "")
{
    place p = {.dir = slt_temp_dir()};
    sl_error err = SL_ERROR_INIT;
    sli_fs_entry entry = {0};
    assert_int_equal(sli_env_posix(&p.env, NULL), SL_OK);
    open_place(&p);
    assert_int_equal(p.ops->mkdirs(p.fs, at(&p, "keep"), NULL), SL_OK);
    assert_int_equal(p.ops->mkdirs(p.fs, at(&p, "tree"), NULL), SL_OK);
    put(&p, "keep/f", "x");
    assert_int_equal(symlink(at(&p, "keep"), at(&p, "tree/dir")), 0);
    assert_int_equal(symlink(at(&p, "keep/f"), at(&p, "tree/file")), 0);
    assert_int_equal(symlink(at(&p, "none"), at(&p, "tree/nowhere")), 0);
    assert_int_equal(mkfifo(at(&p, "tree/pipe"), 0600), 0);
    check_list(&p, "tree", "dir/:0 file:1 ");
    assert_int_equal(p.ops->stat(p.fs, at(&p, "tree/pipe"), &entry, &err), SL_E_UNSUPPORTED);
    assert_int_equal(p.ops->stat(p.fs, at(&p, "tree/nowhere"), &entry, &err), SL_E_NOT_FOUND);
    assert_int_equal(p.ops->remove(p.fs, at(&p, "tree"), &err), SL_OK);
    check_list(&p, "", "keep/:0 ");
    check_content(&p, "keep/f", "x");
    close_place(&p);
}

// ---------------------------------------------------------------- trouble

static void fill_tree(void *ctx)
{
    place *p = ctx;
    for (int i = 0; i < 6; i++) { // fails once the tree is gone
        char name[32];
        sli_file *file = NULL;
        (void)snprintf(name, sizeof name, "/data/tree/%d", i);
        (void)sli_file_open(p->env, name, SLI_CREATE, &file, NULL);
        sli_file_close(&file);
    }
}

SL_TEST(fs_removes_a_tree_that_somebody_fills, "")
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        sli_world_conf conf = {.seed = seed, .switch_chance = 0.5};
        place p = {.world = sli_world_new(&conf), .dir = "/data"};
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sli_world_boot(p.world, NULL, &p.env, NULL), SL_OK);
        open_place(&p);
        assert_int_equal(p.ops->mkdirs(p.fs, at(&p, "tree"), NULL), SL_OK);
        sli_strand *other = sli_strand_new(p.env, "other");
        assert_true(sli_strand_post(other, fill_tree, &p));
        if (p.ops->remove(p.fs, at(&p, "tree"), &err) != SL_OK) {
            fail_msg("seed %d: %s", (int)seed, err.text);
        }
        sli_strand_free(other);
        check_list(&p, "", "");
        close_place(&p);
    }
}

SL_TEST(fs_full_disk_leaves_no_half_file, "")
{
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = 5, .disk_limit_bytes = 100});
    place p = {.world = world, .dir = "/data"};
    assert_int_equal(sli_world_boot(world, NULL, &p.env, NULL), SL_OK);
    assert_int_equal(sli_env_mkdirs(p.env, p.dir, NULL), SL_OK);
    open_place(&p);
    char rows[80] = {0};
    sli_fs_file *file = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(p.ops->create(p.fs, "/data/f", &file, &err), SL_OK);
    assert_int_equal(p.ops->write(file, rows, sizeof(rows), &err), SL_OK);
    assert_int_equal(p.ops->write(file, rows, sizeof(rows), &err), SL_E_NO_SPACE);
    assert_int_equal(p.ops->write(file, rows, 1, &err), SL_E_STATE); // even if it would fit now
    assert_int_equal(p.ops->seal(&file, &err), SL_E_STATE);
    assert_null(file);
    check_list(&p, "", "");
    put(&p, "g", "there is room again");
    close_place(&p);
}

static const char content[] = "first chunk, second chunk, third chunk";

// Publishes content as /data/out, the way sinks do. Without `sync` the name may still vanish.
static sl_code publish(sli_fs *fs, bool sync, sl_error *err)
{
    sli_fs_file *file = NULL;
    SL_TRY(fs->ops->create(fs, "/data/.out", &file, err));
    sl_code rc = SL_OK;
    for (size_t from = 0; rc == SL_OK && from < strlen(content); from += 13) {
        size_t left = strlen(content) - from;
        rc = fs->ops->write(file, content + from, left < 13 ? left : 13, err);
    }
    if (rc != SL_OK) {
        fs->ops->discard(&file);
        return rc;
    }
    SL_TRY(fs->ops->seal(&file, err));
    SL_TRY(fs->ops->rename(fs, "/data/.out", "/data/out", err));
    return sync ? fs->ops->sync_dir(fs, "/data", err) : SL_OK;
}

static sli_world *world_with_dir(uint64_t seed)
{
    sl_env *env = NULL;
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = seed});
    assert_non_null(world);
    assert_int_equal(sli_world_boot(world, NULL, &env, NULL), SL_OK);
    assert_int_equal(sli_env_mkdirs(env, "/data", NULL), SL_OK);
    assert_int_equal(sli_env_sync_dir(env, "/", NULL), SL_OK);
    sli_env_free(env);
    return world;
}

// Publishes in a process with this fault; tells whether the fault lay on its way.
static sl_code publish_with(sli_world *world, const sli_fault *fault, bool sync, bool *reached)
{
    sl_env *env = NULL;
    sli_fs *fs = NULL;
    assert_int_equal(sli_world_boot(world, fault, &env, NULL), SL_OK);
    assert_int_equal(sli_fs_open_local(&fs, env, NULL), SL_OK);
    sl_code rc = publish(fs, sync, NULL);
    fs->ops->close(fs);
    *reached = sli_world_fault_reached(env);
    sli_env_free(env);
    return rc;
}

// True when /data/out is there; then it is whole.
static bool published(sli_world *world)
{
    char *bytes = NULL;
    size_t size = 0;
    sl_code rc = sli_world_read(world, "/data/out", &bytes, &size, NULL);
    if (rc == SL_E_NOT_FOUND) {
        return false;
    }
    assert_int_equal(rc, SL_OK);
    assert_int_equal(size, strlen(content));
    assert_memory_equal(bytes, content, size);
    sl_free(bytes);
    return true;
}

enum { CRASH_ONLY, POWER_LOSS, LOSE_ALL, N_FATES };

SL_TEST(fs_crash_anywhere_shows_nothing_or_the_whole_file, "")
{
    int crashes = 0, with = 0, without = 0;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        for (int fate = CRASH_ONLY; fate < N_FATES; fate++) {
            bool reached = true;
            for (int64_t n = 1; reached; n++) {
                sli_world *world = world_with_dir(seed);
                sl_code rc = publish_with(world, &(sli_fault){.crash_at_call = n}, true, &reached);
                assert_int_equal(rc, reached ? SL_E_CRASHED : SL_OK);
                if (fate != CRASH_ONLY) {
                    sli_world_power_loss(world, fate == LOSE_ALL);
                }
                bool there = published(world);
                assert_true(there || rc != SL_OK); // what was reported stays
                crashes += reached ? 1 : 0;
                with += there ? 1 : 0;
                without += there ? 0 : 1;
                sli_world_free(world);
            }
        }
    }
    assert_true(crashes >= 8 * 3 * 7 && with > 0 &&
                without > 0); // 7 calls at least: create, 3 writes, sync, rename, sync
}

SL_TEST(fs_without_the_directory_sync_a_name_can_vanish, "")
{
    bool reached = false; // shows that the test above would notice a missing sync
    sli_world *world = world_with_dir(1);
    assert_int_equal(publish_with(world, &(sli_fault){0}, false, &reached), SL_OK);
    assert_true(published(world));
    sli_world_power_loss(world, true);
    assert_false(published(world));
    sli_world_free(world);
}

SL_TEST(fs_any_failed_call_is_told_and_leaves_no_half_file, "")
{
    const sl_code codes[] = {SL_E_IO, SL_E_NO_SPACE};
    for (size_t i = 0; i < 2; i++) {
        bool reached = true;
        for (int64_t n = 1; reached; n++) {
            sli_world *world = world_with_dir(3);
            sli_fault fault = {.fail_at_call = n, .fail_code = codes[i]};
            sl_code rc = publish_with(world, &fault, true, &reached);
            bool there = published(world);
            assert_true(rc == SL_OK ? there : rc == codes[i]);
            sli_world_free(world);
        }
    }
}

SL_TEST(fs_survives_any_failed_allocation, "")
{
    int64_t before = sli_mem_used(SLI_TAG_FS);
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        place p = {.dir = slt_temp_dir()};
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sli_env_posix(&p.env, NULL), SL_OK);
        open_place(&p);
        const char *dir = at(&p, "d"), *sub = at(&p, "d/sub"), *name = at(&p, "d/f");
        sli_str seen = SLI_STR_INIT;
        sli_fs_file *file = NULL;
        sli_mem_fail_nth(n);
        sl_code rc = p.ops->mkdirs(p.fs, sub, &err);
        rc = rc != SL_OK ? rc : p.ops->create(p.fs, name, &file, &err);
        rc = rc != SL_OK ? rc : p.ops->seal(&file, &err);
        rc = rc != SL_OK ? rc : p.ops->list(p.fs, dir, note_entry, &seen, &err);
        rc = rc != SL_OK ? rc : sli_str_check(&seen, "list", &err);
        rc = rc != SL_OK ? rc : p.ops->remove(p.fs, dir, &err);
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        assert_int_equal(rc, failed ? SL_E_NOMEM : SL_OK);
        p.ops->discard(&file);
        assert_int_equal(p.ops->remove(p.fs, dir, NULL), SL_OK);
        sli_str_reset(&seen);
        close_place(&p);
        assert_int_equal(sli_mem_used(SLI_TAG_FS), before);
    }
}
