// Compressed files as a source reads them, by their endings and by the option; cut and damaged ones
// by the rules of the format.
#include "source/fixture_test.h"

#include <stdio.h>

/// What is in a file that others compressed (codec/packed_test).
static sli_str packed(const char *name)
{
    char path[512], piece[4096];
    sli_str out = SLI_STR_INIT;
    (void)snprintf(path, sizeof path, SLT_SOURCE_DIR "/src/codec/packed_test/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0;) {
        sli_str_add(&out, piece, n);
    }
    (void)fclose(file);
    return out;
}

static void put(slt_place *p, const char *name, const char *data, size_t size)
{
    assert_int_equal(sli_world_put(p->world, slt_at(p, name), data, size, NULL), SL_OK);
}

static void put_packed(slt_place *p, const char *name)
{
    sli_str bytes = packed(name);
    put(p, name, bytes.data, bytes.size);
    sli_str_reset(&bytes);
}

/// Lines as slt_take shows rows.
static char *rows_of(const char *name)
{
    sli_str text = packed(name);
    for (size_t i = 0; i < text.size; i++) {
        text.data[i] = (char)(text.data[i] == '\n' ? ';' : text.data[i]);
    }
    return sli_str_take(&text);
}

SL_TEST(source_reads_compressed_files_by_their_endings_as_one_split, "")
{
    static const char *const names[] = {"words.txt.gz",   "words.txt.zst",     "words.txt.bz2",
                                        "python.txt.gz",  "hadoop.txt.snappy", "framed.txt.sz",
                                        "frames.txt.zst", "python.txt.bz2"};
    char *rows = rows_of("words.txt");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        slt_place p;
        slt_place_open(&p, true);
        put_packed(&p, names[i]);
        sli_source *s = slt_open(&p, "split=64KiB", (sl_bytes){NULL, 0});
        SL_CHECK_TEXT(slt_take(&p, s), rows);
        assert_int_equal(p.offer.n_splits, 1);
        sli_source_close(s);
        slt_place_close(&p);
    }
    sl_free(rows);
}

SL_TEST(source_cuts_plain_files_beside_compressed_ones, "")
{
    slt_place p;
    char *rows = rows_of("words.txt");
    sli_str plain = SLI_STR_INIT, both = SLI_STR_INIT;
    slt_place_open(&p, true);
    for (int32_t i = 0; i < 20000; i++) {
        sli_str_text(&plain, "be or\n");
        sli_str_text(&both, "be or;");
    }
    put(&p, "a.txt", plain.data, plain.size);
    put_packed(&p, "words.txt.gz");
    sli_str_text(&both, rows);
    sli_source *s = slt_open(&p, "split=64KiB", (sl_bytes){NULL, 0});
    const char *got = slt_take(&p, s);
    assert_int_equal(p.offer.n_splits, 2 + 1);
    SL_CHECK_TEXT(got, both.data);
    sli_source_close(s);
    slt_place_close(&p);
    sli_str_reset(&plain);
    sli_str_reset(&both);
    sl_free(rows);
}

SL_TEST(source_compression_may_be_said_or_refused, "")
{
    slt_place p;
    char *rows = rows_of("words.txt");
    slt_place_open(&p, true);
    sli_str bytes = packed("words.txt.gz");
    put(&p, "words", bytes.data, bytes.size);
    sli_source *s = slt_open(&p, "compression=gzip", (sl_bytes){NULL, 0});
    SL_CHECK_TEXT(slt_take(&p, s), rows);
    sli_source_close(s);
    put(&p, "words.gz", "plain\n", 6);
    assert_int_equal(sli_world_remove(p.world, slt_at(&p, "words"), NULL), SL_OK);
    s = slt_open(&p, "compression=none", (sl_bytes){NULL, 0});
    SL_CHECK_TEXT(slt_take(&p, s), "plain;");
    sli_source_close(s);
    sli_str_reset(&bytes);
    slt_place_close(&p);
    sl_free(rows);
}

/// Offers and reads a file of `size` bytes of words.txt.gz.
static sl_code read_cut(slt_place *p, const char *query, size_t size, const char **rows)
{
    sli_str bytes = packed("words.txt.gz");
    slt_place_open(p, true);
    put(p, "cut.gz", bytes.data, size);
    sli_str_reset(&bytes);
    sli_source *s = slt_open(p, query, (sl_bytes){NULL, 0});
    slt_offer(p, s);
    sl_code rc = slt_read(p, s, p->offer.range, rows);
    sli_source_close(s);
    return rc;
}

SL_TEST(source_a_cut_file_goes_by_the_rules_of_malformed_records, "")
{
    slt_place p;
    const char *rows = NULL;
    char *all = rows_of("words.txt");
    assert_int_equal(read_cut(&p, "", 2000, &rows), SL_E_DATA);
    assert_non_null(strstr(p.err.text, "cut.gz at byte 2000 (of the compressed file)"));
    slt_place_close(&p);
    assert_int_equal(read_cut(&p, "malformed=skip", 2000, &rows), SL_OK);
    size_t n = strlen(rows);
    assert_true(n > 1000 && n < strlen(all) && rows[n - 1] == ';'); // and no part of a line
    assert_memory_equal(rows, all, n);
    assert_int_equal(slt_metric(&p, SLI_SOURCE_SKIPPED), 1);
    slt_place_close(&p);
    sl_free(all);
}

SL_TEST(table_may_be_compressed, "")
{
    slt_place p;
    sli_source *s = NULL;
    char *rows = rows_of("words.txt");
    slt_place_open(&p, true);
    put_packed(&p, "words.txt.zst");
    const char *url = sl_arena_printf(p.arena, "%s/words.txt.zst", p.dir);
    assert_int_equal(sli_table_open(&s, url, &p.source_env, &p.err), SL_OK);
    SL_CHECK_TEXT(slt_take(&p, s), rows);
    sli_source_close(s);
    slt_place_close(&p);
    sl_free(rows);
}
