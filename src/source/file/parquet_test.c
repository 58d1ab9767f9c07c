// Parquet files as a source and a table, in both worlds: files of pyarrow and DuckDB
// (parquet_test/make.py) against what is known to be in them.
#include "env/module.h"
#include "source/fixture_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

static const char modules[] = SLT_BUILD_DIR "/lib/sluice";

// ---------------------------------------------------------------- places and files

/// Simulated worlds run the real DuckDB.
static void let_duckdb(slt_place *p)
{
    static const sli_module_want want = {.name = "sql_duckdb", .abi = SLI_DB_ABI, .why = "a test"};
    const sli_module *module = NULL;
    sl_env *real = NULL;
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    p->source_env.modules = modules;
    if (p->world != NULL) {
        assert_int_equal(sli_env_posix(&real, NULL), SL_OK);
        assert_int_equal(sli_module_load(real, modules, &want, &module, NULL), SL_OK);
        assert_true(sli_world_module(p->world, "sql_duckdb", module));
        sli_env_free(real);
    }
}

/// As PLACE_TEST, with DuckDB.
#define PARQUET_TEST(name)                                                                         \
    static void try_##name(slt_place *p);                                                          \
    PLACE_TEST(name)                                                                               \
    {                                                                                              \
        let_duckdb(p);                                                                             \
        try_##name(p);                                                                             \
    }                                                                                              \
    static void try_##name(slt_place *p)

static sli_str bytes_of(const char *name)
{
    char path[512], piece[4096];
    sli_str out = SLI_STR_INIT;
    (void)snprintf(path, sizeof path, SLT_SOURCE_DIR "/src/source/file/parquet_test/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0;) {
        sli_str_add(&out, piece, n);
    }
    (void)fclose(file);
    return out;
}

/// A new file in the directory, moved into place.
static void put_bytes(slt_place *p, const char *name, const char *data, size_t size)
{
    const char *staged = slt_at(p, "../staged");
    sli_file *file = NULL;
    assert_int_equal(sli_file_open(p->env, staged, SLI_REPLACE, &file, NULL), SL_OK);
    assert_int_equal(sli_file_write(file, data, size, NULL), SL_OK);
    sli_file_close(&file);
    assert_int_equal(sli_env_rename(p->env, staged, slt_at(p, name), true, NULL), SL_OK);
}

static void put_as(slt_place *p, const char *name, const char *from)
{
    sli_str bytes = bytes_of(from);
    put_bytes(p, name, bytes.data, bytes.size);
    sli_str_reset(&bytes);
}

// ---------------------------------------------------------------- reading

static const char words[] = "format=parquet&schema=n%20int64,%20word%20string?";
static const char words_rows[] = "1,to;2,be;3,null;";

static sli_source *open_with(slt_place *p, const char *query)
{
    return slt_open(p, query, (sl_bytes){NULL, 0});
}

static void check_rows(slt_place *p, const char *query, const char *rows)
{
    sli_source *s = open_with(p, query);
    SL_CHECK_TEXT(slt_take(p, s), rows);
    sli_source_close(s);
}

/// Of the one file that is there: what reading it fails with.
static void check_fails(slt_place *p, const char *query, sl_code code, const char *part)
{
    const char *rows = NULL;
    sli_source *s = open_with(p, query);
    slt_offer(p, s);
    sl_code rc = slt_read(p, s, p->offer.range, &rows);
    sli_source_close(s);
    if (rc != code || strstr(p->err.text, part) == NULL) {
        fail_msg("%s: %s and not %s: %s", query, sl_code_name(rc), sl_code_name(code), p->err.text);
    }
}

static void check_refused(slt_place *p, const char *url, const char *part)
{
    sli_source *s = NULL;
    sl_code rc = slt_open_url(p, url, &s);
    if (rc != SL_E_CONFIG || strstr(p->err.text, part) == NULL) {
        fail_msg("%s: %s: %s", url, sl_code_name(rc), p->err.text);
    }
}

typedef struct printing {
    sli_encoder *encoder;
    sli_str text;
} printing;

static sl_code print_json(void *ctx, sl_batch *batch, sl_error *err)
{
    printing *p = ctx;
    return sli_format_json.encode(p->encoder, batch, &p->text, err);
}

/// Offers, and appends the first split's rows as lines of JSON.
static sl_code read_json(slt_place *p, sli_source *s, sli_str *out)
{
    const sl_option *const tables[] = {sli_format_json.options, NULL};
    sl_conf *conf = NULL;
    sli_decode_stats stats = {0};
    printing print = {.text = *out};
    assert_int_equal(sl_conf_new(&conf, "json", tables, NULL), SL_OK);
    assert_int_equal(sli_format_json.encoder_new(&print.encoder, conf, s->ops->schema(s), &p->err),
                     SL_OK);
    slt_offer(p, s);
    sl_code rc = s->ops->read(s, p->offer.range, 0, print_json, &print, &stats, &p->err);
    *out = print.text;
    sli_format_json.encoder_free(print.encoder);
    sl_conf_free(conf);
    return rc;
}

static void check_json(slt_place *p, const char *query, const char *lines)
{
    sli_str text = SLI_STR_INIT;
    sli_source *s = open_with(p, query);
    if (read_json(p, s, &text) != SL_OK) {
        fail_msg("%s: %s", query, p->err.text);
    }
    SL_CHECK_TEXT(text.data, lines);
    sli_source_close(s);
    sli_str_reset(&text);
}

// ---------------------------------------------------------------- what is in a file

PARQUET_TEST(parquet_pages_may_be_compressed)
{
    static const char *const codecs[] = {"snappy", "gzip", "zstd", "lz4", "brotli", "none"};
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%s.parquet", codecs[i]);
        put_as(p, name, name);
        check_rows(p, words, words_rows);
        slt_remove(p, name);
    }
}

PARQUET_TEST(parquet_values_have_the_types_of_the_schema)
{
    put_as(p, "types.parquet", "types.parquet");
    check_json(
        p,
        "format=parquet&schema=i8%20int8?,%20u16%20uint16,%20i32%20int32,%20f%20float32,%20"
        "ok%20bool,%20price%20decimal(9,2),%20day%20date,%20at_ms%20timestamp?,%20"
        "at_ns%20timestamp,%20raw%20binary,%20tags%20list<string?>,%20"
        "place%20struct<x%20int32,%20name%20string>?,%20"
        "counts%20list<struct<key%20string,%20value%20int64?>>,%20clock%20string?",
        "{\"i8\":-8,\"u16\":65535,\"i32\":-2147483648,\"f\":0.5,\"ok\":true,\"price\":12.50,"
        "\"day\":\"1970-01-03\",\"at_ms\":\"2026-01-02T03:04:05.678Z\","
        "\"at_ns\":\"1970-01-01T00:00:01Z\",\"raw\":\"AAE=\",\"tags\":[\"a\",null],"
        "\"place\":{\"x\":1,\"name\":\"here\"},\"counts\":[{\"key\":\"a\",\"value\":1},"
        "{\"key\":\"b\",\"value\":2}],\"clock\":\"01:02:03\"}\n"
        "{\"u16\":0,\"i32\":7,\"f\":-2.0,\"ok\":false,\"price\":-0.07,\"day\":\"1969-12-31\","
        "\"at_ns\":\"1970-01-01T00:00:02Z\",\"raw\":\"YWI=\",\"tags\":[],\"counts\":[]}\n");
}

PARQUET_TEST(parquet_values_become_wider_types)
{
    put_as(p, "types.parquet", "types.parquet");
    check_json(p,
               "format=parquet&schema=f%20float64,%20i8%20int64?,%20u16%20float64,%20"
               "price%20decimal(20,4),%20day%20timestamp,%20place%20struct<name%20string>?",
               "{\"f\":0.5,\"i8\":-8,\"u16\":65535.0,\"price\":12.5000,"
               "\"day\":\"1970-01-03T00:00:00Z\",\"place\":{\"name\":\"here\"}}\n"
               "{\"f\":-2.0,\"u16\":0.0,\"price\":-0.0700,\"day\":\"1969-12-31T00:00:00Z\"}\n");
}

PARQUET_TEST(parquet_columns_go_by_name)
{
    put_as(p, "a.parquet", "zstd.parquet");
    check_rows(p, "format=parquet&schema=word%20string?,%20n%20int32", "to,1;be,2;null,3;");
    check_rows(p, "format=parquet&schema=n%20int32?", "1;2;3;");
    put_as(p, "a.parquet", "duckdb.parquet");
    check_rows(p, "format=parquet&schema=s%20string,%20n%20int64", "row 0,0;row 1,1;row 2,2;");
}

PARQUET_TEST(parquet_rows_come_in_the_order_of_the_file)
{
    sli_str rows = SLI_STR_INIT;
    for (int32_t i = 0; i < 20000; i++) {
        sli_str_printf(&rows, "%d;", (int)i);
    }
    put_as(p, "a.parquet", "groups.parquet");
    sli_source *s = open_with(p, "format=parquet&schema=n%20int64");
    SL_CHECK_TEXT(slt_take(p, s), rows.data);
    assert_int_equal(p->offer.n_splits, 1);
    assert_int_equal(slt_metric(p, SLI_SOURCE_RECORDS), 2 * 20000); // it is read twice
    SL_CHECK_TEXT(slt_take(p, s), "");
    sli_source_close(s);
    sli_str_reset(&rows);
}

PARQUET_TEST(parquet_files_without_rows_have_none)
{
    put_as(p, "a.parquet", "no_rows.parquet");
    put_as(p, "b.parquet", "snappy.parquet");
    check_rows(p, words, words_rows);
}

/// Old writers don't say which bytes are text.
PARQUET_TEST(parquet_bytes_may_be_text)
{
    put_as(p, "a.parquet", "types.parquet");
    check_json(p, "format=parquet&schema=raw%20string",
               "{\"raw\":\"\\u0000\\u0001\"}\n{\"raw\":\"ab\"}\n");
}

/// No part of a name is a pattern, a quote or a key of partitions.
PARQUET_TEST(parquet_names_are_names)
{
    static const char *const names[] = {"it's [1] a*.parquet", "n=7.parquet", "x?y.bin", "'"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        put_as(p, names[i], "snappy.parquet");
        check_rows(p, words, words_rows);
        slt_remove(p, names[i]);
    }
    assert_int_equal(sli_env_mkdirs(p->env, slt_at(p, "n=8"), NULL), SL_OK);
    put_as(p, "n=8/a.parquet", "snappy.parquet");
    check_rows(p, "recursive=true&format=parquet&schema=n%20int64,%20word%20string?", words_rows);
}

PARQUET_TEST(parquet_tables_are_read)
{
    sli_source *s = NULL;
    put_as(p, "a.parquet", "snappy.parquet");
    put_as(p, "b.parquet", "zstd.parquet");
    const char *url = sl_arena_printf(p->arena, "file:%s?%s", p->dir, words);
    assert_int_equal(sli_table_open(&s, url, &p->source_env, &p->err), SL_OK);
    SL_CHECK_TEXT(slt_take(p, s), "1,to;2,be;3,null;1,to;2,be;3,null;");
    assert_int_equal(p->offer.n_splits, 2);
    sli_source_close(s);
    url = sl_arena_printf(p->arena, "file:%s/b.parquet?%s", p->dir, words);
    assert_int_equal(sli_table_open(&s, url, &p->source_env, &p->err), SL_OK);
    SL_CHECK_TEXT(slt_take(p, s), words_rows);
    sli_source_close(s);
}

/// The life after a restart reads what is on record, and what is new.
PARQUET_TEST(parquet_ranges_read_the_same_in_another_life)
{
    const char *rows = NULL;
    put_as(p, "a.parquet", "groups.parquet");
    sli_source *s = open_with(p, "format=parquet&schema=n%20int64");
    sl_bytes position = slt_position(p, s);
    const char *first = slt_take(p, s);
    sl_bytes range = p->offer.range;
    sli_source_close(s);
    put_as(p, "b.parquet", "duckdb.parquet");
    s = slt_open(p, "format=parquet&schema=n%20int64", position);
    assert_int_equal(s->ops->accept(s, range, &p->err), SL_OK);
    assert_int_equal(slt_read(p, s, range, &rows), SL_OK);
    assert_string_equal(rows, first);
    SL_CHECK_TEXT(slt_take(p, s), "0;1;2;");
    sli_source_close(s);
}

// ---------------------------------------------------------------- files that can't be read

PARQUET_TEST(parquet_what_the_schema_wants_and_the_file_lacks_is_told)
{
    put_as(p, "a.parquet", "types.parquet");
    check_fails(p, "format=parquet&schema=i9%20int8", SL_E_DATA,
                "in/a.parquet: there is no column 'i9'; there are: i8 TINYINT, u16 USMALLINT");
    check_fails(p, "format=parquet&schema=I8%20int8", SL_E_DATA, "there is no column 'I8'");
    check_fails(p, "format=parquet&schema=f%20int32", SL_E_DATA,
                "column 'f' is FLOAT, which can't be read as the schema wants it (\"f int32\"): "
                "write its type as float32, or leave it out of the schema");
    check_fails(p, "format=parquet&schema=price%20decimal(9,1)", SL_E_DATA,
                "write its type as decimal(9,2)");
    check_fails(p, "format=parquet&schema=clock%20timestamp", SL_E_DATA, "'clock' is TIME");
    check_fails(p, "format=parquet&schema=counts%20list<string>", SL_E_DATA,
                "list<struct<key ..., value ...>>");
    check_fails(p, "format=parquet&schema=place%20struct<y%20int32>?", SL_E_DATA,
                "struct<...> of members that it has");
    check_fails(p, "format=parquet&schema=i8%20int8", SL_E_DATA,
                "column 'i8' has nulls where the schema has none: write a '?'");
    check_fails(p, "format=parquet&schema=tags%20list<string>", SL_E_DATA, "'tags' has nulls");
    check_fails(p, "format=parquet&schema=i32%20int16", SL_E_DATA, "-2147483648");
}

/// What such a file is told as, however much of it there is.
static void check_broken(slt_place *p, const char *data, size_t size, const char *part)
{
    put_bytes(p, "a.parquet", data, size);
    check_fails(p, words, SL_E_DATA, part);
    assert_non_null(strstr(p->err.text, "in/a.parquet: "));
    assert_null(strstr(p->err.text, "/proc/"));
}

PARQUET_TEST(parquet_files_that_are_none_are_told)
{
    sli_str good = bytes_of("snappy.parquet"), locked = bytes_of("encrypted.parquet");
    check_broken(p, "x", 1, "too small");
    check_broken(p, "PAR1 and then nothing", 21, "magic bytes");
    check_broken(p, good.data, good.size / 2, "magic bytes");
    check_broken(p, good.data, good.size - 1, "magic bytes");
    check_broken(p, locked.data, locked.size, "ncrypt");
    good.data[good.size - 8] = 127; // the length of the footer
    good.data[good.size - 7] = 127;
    check_broken(p, good.data, good.size, "");
    sli_str_reset(&good);
    sli_str_reset(&locked);
}

PARQUET_TEST(parquet_files_are_not_compressed_as_a_whole)
{
    put_as(p, "a.parquet.gz", "snappy.parquet");
    check_fails(p, words, SL_E_DATA, "a.parquet.gz: its name says that it is compressed");
    check_rows(p, sl_arena_printf(p->arena, "compression=none&%s", words), words_rows);
    check_rows(p, sl_arena_printf(p->arena, "malformed=skip&%s", words), "");
}

/// A file whose last group of rows is damaged.
static void put_damaged(slt_place *p, const char *name)
{
    sli_str bytes = bytes_of("groups.parquet");
    bytes.data[500] = (char)(bytes.data[500] ^ 0x55);
    put_bytes(p, name, bytes.data, bytes.size);
    sli_str_reset(&bytes);
}

PARQUET_TEST(parquet_a_file_is_one_record_and_gives_all_its_rows_or_none)
{
    put_damaged(p, "a.parquet");
    check_fails(p, "format=parquet&schema=n%20int64", SL_E_DATA, "in/a.parquet: ");
    put_as(p, "b.parquet", "duckdb.parquet");
    check_rows(p, "format=parquet&malformed=skip&schema=n%20int64", "0;1;2;");
    assert_int_equal(slt_metric(p, SLI_SOURCE_SKIPPED), 2); // it is read twice
}

static sl_code note_record(void *ctx, const sli_raw_record *record, sl_error *err)
{
    (void)err;
    const char *name = strrchr(record->name, '/');
    sli_str_printf(ctx, "%s %lld %s;", name + 1, (long long)record->rows,
                   record->why == NULL ? "fine" : strchr(record->why, ':') + 2);
    return SL_OK;
}

PARQUET_TEST(parquet_records_that_are_looked_up_are_files)
{
    sli_str told = SLI_STR_INIT;
    int32_t n = 0;
    put_as(p, "a.parquet", "groups.parquet");
    put_bytes(p, "b.parquet", "x", 1);
    sli_source *s = open_with(p, "format=parquet&malformed=dead-letter&schema=n%20int64");
    slt_offer(p, s);
    assert_int_equal(s->ops->splits(s, p->offer.range, &n, NULL), SL_OK);
    for (int32_t i = 0; i < n; i++) {
        assert_int_equal(s->ops->records(s, p->offer.range, i, note_record, &told, &p->err), SL_OK);
    }
    SL_CHECK_TEXT(told.data,
                  "a.parquet 20000 fine;b.parquet 0 File 'it' too small to be a Parquet file;");
    sli_source_close(s);
    sli_str_reset(&told);
}

PARQUET_TEST(parquet_files_that_changed_are_no_damage)
{
    static const char *const policies[] = {"fail", "skip"};
    for (size_t i = 0; i < 2; i++) {
        const char *rows = NULL;
        put_as(p, "a.parquet", "groups.parquet");
        sli_source *s = open_with(p, sl_arena_printf(p->arena, "malformed=%s&%s", policies[i],
                                                     "format=parquet&schema=n%20int64"));
        slt_offer(p, s);
        slt_append(p, "a.parquet", "more");
        assert_int_equal(slt_read(p, s, p->offer.range, &rows), SL_E_IO);
        assert_non_null(strstr(p->err.text, "changed since an epoch took it"));
        slt_remove(p, "a.parquet");
        assert_int_equal(slt_read(p, s, p->offer.range, &rows), SL_E_NOT_FOUND);
        assert_non_null(strstr(p->err.text, "gone since an epoch took it"));
        sli_source_close(s);
    }
}

/// A file of that name, cut or with some bytes changed.
static void put_garbage(slt_place *p, const char *from, int32_t n, sli_rng *rng)
{
    sli_str bytes = bytes_of(from);
    size_t size = n % 2 == 0 ? (size_t)sli_rng_below(rng, bytes.size) + 1 : bytes.size;
    for (int32_t k = 0; k < n % 5; k++) {
        bytes.data[sli_rng_below(rng, size)] = (char)sli_rng_next(rng);
    }
    put_bytes(p, "a", bytes.data, size);
    sli_str_reset(&bytes);
}

/// Any cut and any changed byte gives rows or is told; nothing hangs or falls.
static void check_garbage(const char *from, const char *query)
{
    slt_place p;
    sli_rng rng = {11};
    slt_place_open(&p, false);
    let_duckdb(&p);
    sli_source *s = open_with(&p, query);
    for (int32_t i = 0; i < (SLT_SLOW_BUILD ? 50 : 200); i++) {
        sli_str rows = SLI_STR_INIT;
        put_garbage(&p, from, i, &rng);
        sl_code rc = read_json(&p, s, &rows);
        if (rc != SL_OK && rc != SL_E_DATA && rc != SL_E_NOMEM) {
            fail_msg("%d: %s: %s", (int)i, sl_code_name(rc), p.err.text);
        }
        sli_str_reset(&rows);
    }
    sli_source_close(s);
    slt_place_close(&p);
}

SL_TEST(parquet_garbage_is_rows_or_told, "")
{
    check_garbage("types.parquet", "format=parquet&schema=tags%20list<string?>?,%20i8%20int8?,%20"
                                   "price%20decimal(9,2)?,%20place%20struct<x%20int32?>?");
    check_garbage("snappy.parquet", "format=parquet&schema=n%20int64?,%20word%20string?");
    check_garbage("groups.parquet", "format=parquet&schema=n%20int64?");
}

// ---------------------------------------------------------------- what is refused

PARQUET_TEST(parquet_settings_that_make_no_sense_are_told)
{
    const char *url = sl_arena_printf(p->arena, "file:%s?format=parquet", p->dir);
    check_refused(p, url, "parquet needs the option schema");
    check_refused(p, sl_arena_printf(p->arena, "%s&schema=n%%20int64&compression=gzip", url),
                  "not compressed as a whole");
    check_refused(p, sl_arena_printf(p->arena, "%s&schema=n%%20int64&memory=1MiB", url), "memory");
    sli_source *s = NULL;
    url = sl_arena_printf(p->arena, "%s&schema=n%%20opaque", url);
    assert_int_equal(slt_open_url(p, url, &s), SL_E_INVALID);
    assert_non_null(strstr(p->err.text, "parquet can't hold column 'n'"));
}

SL_TEST(parquet_is_read_from_files_only, "")
{
    static const char *const urls[] = {
        "socket://h:1?",     "stdin:?",           "tail:/data/in?", "queue:q?",
        "kafka://h:9092/t?", "http://h:8080/in?", "mqtt://h/t?",
    };
    slt_place p;
    slt_place_open(&p, true);
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        check_refused(&p, sl_arena_printf(p.arena, "%sformat=parquet&schema=n%%20int64", urls[i]),
                      "format parquet is read from files in a directory");
    }
    slt_place_close(&p);
}

SL_TEST(parquet_needs_its_module, "")
{
    slt_place p;
    sli_source *s = NULL;
    slt_place_open(&p, false);
    p.source_env.modules = slt_temp_dir();
    const char *url = sl_arena_printf(p.arena, "file:%s?%s", p.dir, words);
    assert_int_equal(slt_open_url(&p, url, &s), SL_E_NOT_FOUND);
    assert_non_null(strstr(p.err.text, "format parquet"));
    assert_non_null(strstr(p.err.text, "libsluice-sql"));
    slt_place_close(&p);
}

// ---------------------------------------------------------------- copies

static sl_code read_zeros(void *ctx, int64_t at, int64_t n, sli_buffer **out, sl_error *err)
{
    (void)ctx, (void)at, (void)err;
    *out = sli_buffer_new(n);
    assert_non_null(*out);
    memset(sli_buffer_data(*out), 0, (size_t)n);
    return SL_OK;
}

/// A file from elsewhere whose copy finds no room on the disk.
SL_TEST(parquet_a_full_disk_is_told, "")
{
    slt_place p;
    sl_conf *conf = NULL;
    sl_schema *schema = NULL;
    sli_parquet *parquet = NULL;
    const sl_option files[] = {SLI_FILES_OPTIONS, {0}};
    const sl_option *const tables[] = {files, sli_format_parquet.options, NULL};
    slt_place_open(&p, false);
    let_duckdb(&p);
    const char *small = slt_at(&p, "small");
    assert_int_equal(mkdir(small, 0700), 0);
    if (mount("none", small, "tmpfs", 0, "size=2m") != 0) {
        slt_not_here("a disk that is full needs the right to mount one");
    }
    p.source_env.spill_dir = small;
    assert_int_equal(sl_conf_new(&conf, "parquet", tables, &p.err), SL_OK);
    assert_int_equal(sl_schema_parse(&schema, "n int64", &p.err), SL_OK);
    assert_int_equal(sli_parquet_new(&parquet, conf, schema, &p.source_env, false, &p.err), SL_OK);
    sli_parquet_file file = {.path = "far/a.parquet", .size_bytes = 4 << 20, .read = read_zeros};
    sl_code rc = sli_parquet_read(parquet, &file, &p.err);
    file.size_bytes = 1 << 20; // what the copy took is free again
    sl_error next = SL_ERROR_INIT;
    sl_code after = sli_parquet_read(parquet, &file, &next);
    sli_parquet_free(parquet);
    assert_int_equal(umount(small), 0); // nothing is left open there
    assert_int_equal(rc, SL_E_NO_SPACE);
    assert_non_null(strstr(p.err.text, "far/a.parquet: a copy in "));
    assert_int_equal(after, SL_E_DATA);
    assert_true(file.is_damaged);
    sl_schema_unref(schema);
    sl_conf_free(conf);
    slt_place_close(&p);
}
