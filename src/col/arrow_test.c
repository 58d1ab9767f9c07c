/// arrow_test.c — the Arrow C Data Interface: out and back in, foreign layouts, broken structs, who
/// releases what.

#include "col/arrow_abi.h"
#include "col/fixture_test.h"

#include <string.h>
#include <sys/mman.h>

// ---------------------------------------------------------------- export

SL_TEST(arrow_export_comes_back, "")
{
    sli_rng rng = {51};
    sl_schema *schema = slt_col_schema(slt_col_all_types);
    for (int round = 0; round < 20; round++) {
        sl_batch *batch = slt_col_random(schema, &rng, (int64_t)sli_rng_below(&rng, 60)),
                 *back = NULL;
        struct ArrowSchema arrow_schema;
        struct ArrowArray array;
        assert_int_equal(sl_batch_export(batch, &arrow_schema, &array, NULL), SL_OK);
        sl_error err = SL_ERROR_INIT;
        sl_code rc = sl_batch_import(&arrow_schema, &array, &back, &err);
        SL_CHECK_TEXT(err.text, "");
        assert_int_equal(rc, SL_OK);
        assert_null(arrow_schema.release);
        assert_null(array.release);
        slt_col_check_sound(back);
        slt_col_check_equal(batch, back);
        const sl_column *column = sl_batch_column(back, 4);
        assert_ptr_equal(column->values, sl_batch_column(batch, 4)->values); // shared
        sl_batch_unref(batch);
        slt_col_check_sound(back); // and kept alive
        sl_batch_unref(back);
    }
    sl_schema_unref(schema);
}

SL_TEST(arrow_children_may_be_moved_and_outlive_the_parent, "")
{
    sl_batch *batch =
        slt_col_words((const char *const[]){"a word longer than twelve bytes", "b", NULL});
    struct ArrowSchema schema;
    struct ArrowArray array;
    assert_int_equal(sl_batch_export(batch, &schema, &array, NULL), SL_OK);
    sl_batch_unref(batch);
    SL_CHECK_TEXT(schema.format, "+s");
    SL_CHECK_TEXT(schema.children[0]->format, "vu");
    struct ArrowArray moved = *array.children[0];
    array.children[0]->release = NULL;
    array.release(&array);
    assert_null(array.release);
    schema.release(&schema);
    assert_int_equal(moved.n_buffers, 4);
    assert_memory_equal(moved.buffers[2], "a word longer", 13);
    moved.release(&moved);
}

SL_TEST(arrow_export_refuses_opaque, "")
{
    sl_schema *schema = slt_col_schema("o opaque");
    sl_batch *batch = NULL;
    struct ArrowSchema arrow_schema = {0};
    struct ArrowArray array = {0};
    assert_int_equal(sli_batch_empty(schema, &batch, NULL), SL_OK);
    assert_int_equal(sl_batch_export(batch, &arrow_schema, &array, NULL), SL_E_UNSUPPORTED);
    assert_null(array.release);
    sl_batch_unref(batch);
    sl_schema_unref(schema);
}

// ---------------------------------------------------------------- a foreign producer

/// Up to four columns that a test fills in; counts what is released.
typedef struct producer {
    struct ArrowSchema schema, fields[4], items[4];
    struct ArrowArray array, columns[4], elements[4];
    struct ArrowSchema *field_list[4], *item_list[4];
    struct ArrowArray *column_list[4], *element_list[4];
    const void *buffers[9][4], *none[1];
    int n_released;
} producer;

static void release_schema(struct ArrowSchema *schema)
{
    ((producer *)schema->private_data)->n_released++;
    schema->release = NULL;
}

static void release_array(struct ArrowArray *array)
{
    ((producer *)array->private_data)->n_released++;
    array->release = NULL;
}

static void start(producer *p, int n_columns, int64_t n_rows)
{
    memset(p, 0, sizeof *p);
    p->schema = (struct ArrowSchema){.format = "+s",
                                     .n_children = n_columns,
                                     .children = p->field_list,
                                     .release = release_schema,
                                     .private_data = p};
    p->array = (struct ArrowArray){.length = n_rows,
                                   .n_buffers = 1,
                                   .buffers = p->none,
                                   .n_children = n_columns,
                                   .children = p->column_list,
                                   .release = release_array,
                                   .private_data = p};
    for (int i = 0; i < n_columns; i++) {
        p->field_list[i] = &p->fields[i];
        p->column_list[i] = &p->columns[i];
    }
}

static void column(producer *p, int i, const char *format, int64_t offset, const void *validity,
                   const void *values, const void *text)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    p->fields[i] = (struct ArrowSchema){.format = format,
                                        .name = names[i],
                                        .flags = 2,
                                        .release = release_schema,
                                        .private_data = p};
    bool has_text = strchr("uUzZ", format[0]) != NULL;
    p->columns[i] = (struct ArrowArray){.length = p->array.length,
                                        .null_count = -1,
                                        .offset = offset,
                                        .n_buffers = has_text ? 3 : 2,
                                        .buffers = p->buffers[i],
                                        .release = release_array,
                                        .private_data = p};
    p->buffers[i][0] = validity;
    p->buffers[i][1] = values;
    p->buffers[i][2] = text;
}

static void list_of(producer *p, int i, const char *format, int64_t n, const void *validity,
                    const void *values)
{
    p->items[i] = (struct ArrowSchema){
        .format = format, .name = "item", .flags = 2, .release = release_schema, .private_data = p};
    p->elements[i] = (struct ArrowArray){.length = n,
                                         .n_buffers = 2,
                                         .null_count = -1,
                                         .buffers = p->buffers[4 + i],
                                         .release = release_array,
                                         .private_data = p};
    p->buffers[4 + i][0] = validity;
    p->buffers[4 + i][1] = values;
    p->item_list[i] = &p->items[i];
    p->element_list[i] = &p->elements[i];
    p->fields[i].n_children = p->columns[i].n_children = 1;
    p->fields[i].children = &p->item_list[i];
    p->columns[i].children = &p->element_list[i];
}

static void check_rows(producer *p, const char *schema, const char *expected)
{
    sl_batch *batch = NULL;
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sl_batch_import(&p->schema, &p->array, &batch, &err);
    SL_CHECK_TEXT(err.text, "");
    assert_int_equal(rc, SL_OK);
    SL_CHECK_TEXT(sl_schema_text(sl_batch_schema(batch)), schema);
    slt_col_check_sound(batch);
    sli_str text = SLI_STR_INIT;
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        for (int32_t c = 0; c < sl_schema_columns(sl_batch_schema(batch)); c++) {
            slt_col_put_cell(&text, sl_batch_column(batch, c), row);
            sli_str_char(&text, ' ');
        }
        sli_str_char(&text, ';');
    }
    SL_CHECK_TEXT(text.data, expected);
    sli_str_reset(&text);
    assert_int_equal(p->n_released, 1); // the schema; the array lives with the batch
    sl_batch_unref(batch);
    assert_int_equal(p->n_released, 2);
}

static void check_refused(producer *p, sl_code code, const char *part)
{
    sl_batch *batch = NULL;
    sl_error err = SL_ERROR_INIT;
    int64_t before = sli_mem_used(SLI_TAG_BATCH);
    assert_int_equal(sl_batch_import(&p->schema, &p->array, &batch, &err), code);
    assert_null(batch);
    if (strstr(err.text, part) == NULL) {
        SL_CHECK_TEXT(err.text, part);
    }
    assert_int_equal(p->n_released, 2); // both are taken, also when it fails
    assert_int_equal(sli_mem_used(SLI_TAG_BATCH), before);
}

static const int64_t numbers[] = {10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
static const int32_t ends[] = {0, 1, 1, 4, 30, 31, 33};
static const char text[] = "abcdlonger than twelve letters!xy";

SL_TEST(arrow_import_honours_offsets, "")
{
    static const uint8_t odd[] = {0xaa, 0x0a}, deep[] = {0x0f};
    producer p;
    start(&p, 4, 3);
    column(&p, 0, "l", 2, odd, numbers, NULL);
    column(&p, 1, "u", 1, NULL, ends, text);
    column(&p, 2, "b", 3, NULL, odd, NULL);
    column(&p, 3, "+l", 2, deep, ends, NULL);
    static const int8_t bytes[40] = {1, 2, 3, 4, 5};
    list_of(&p, 3, "c", 40, NULL, bytes);
    p.columns[3].length = 4;
    // ends[2..5] = 1, 4, 30, 31 as lists is long; bit 3 of `deep` is row 1: [27 zeros] is null
    // beyond it
    static const int32_t few[] = {0, 0, 1, 3, 3, 5};
    p.buffers[3][1] = few;
    check_rows(&p, "a int64?, b string?, c bool?, d list<int8?>?",
               "null \"\" true [2 3 ] ;13 \"bcd\" false [] ;null \"longer than twelve letters\" "
               "true null ;");
}

SL_TEST(arrow_import_honours_the_roots_offset, "")
{
    producer p;
    start(&p, 2, 2);
    column(&p, 0, "l", 1, NULL, numbers, NULL);
    column(&p, 1, "U", 0, NULL, NULL, text);
    static const int64_t large[] = {0, 4, 30, 31, 33};
    p.buffers[1][1] = large;
    p.array.offset = 1;
    p.columns[0].length = p.columns[1].length = 4;
    check_rows(&p, "a int64?, b string?", "12 \"longer than twelve letters\" ;13 \"!\" ;");
}

SL_TEST(arrow_import_reads_other_layouts, "")
{
    static const int64_t large[] = {0, 2, 2, 3};
    static const float halves[] = {0.5f, -1, 2};
    producer p;
    start(&p, 3, 3);
    column(&p, 0, "+L", 0, NULL, large, NULL);
    list_of(&p, 0, "f", 3, NULL, halves);
    column(&p, 1, "Z", 0, NULL, large,
           "\xff"
           "bc");
    column(&p, 2, "tsu:Europe/Paris", 0, NULL, numbers, NULL);
    check_rows(&p, "a list<float32?>?, b binary?, c timestamp?",
               "[0x1p-1 -0x1p+0 ] \"\xef\xbf\xbd"
               "b\" 10 ;[] \"\" 11 ;[0x1p+1 ] \"c\" 12 ;");
}

SL_TEST(arrow_import_copies_what_is_not_aligned, "")
{
    char raw[64];
    memcpy(raw + 1, numbers, 24);
    producer p;
    start(&p, 2, 3);
    column(&p, 0, "l", 0, NULL, raw + 1, NULL);
    column(&p, 1, "l", 0, NULL, numbers, NULL);
    check_rows(&p, "a int64?, b int64?", "10 10 ;11 11 ;12 12 ;");
}

// Cells beyond 2^31 bytes go to several data buffers. The bytes are pages of zeroes that nobody
// ever made.
SL_TEST(arrow_import_splits_text_of_more_than_2_gib, "")
{
    static const int64_t far_ends[] = {0,          1500000000, 1500000005,
                                       3000000000, 4500000000, 4500000020};
    size_t size = 4500000020;
    char *zeroes = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(zeroes != MAP_FAILED);
    producer p;
    start(&p, 1, 5);
    column(&p, 0, "Z", 0, NULL, far_ends, zeroes);
    sl_batch *batch = NULL;
    assert_int_equal(sl_batch_import(&p.schema, &p.array, &batch, NULL), SL_OK);
    slt_col_check_sound(batch);
    const sl_column *cells = sl_batch_column(batch, 0);
    assert_int_equal(cells->n_data, 3);
    for (int64_t i = 0; i < 5; i++) {
        sl_text cell = sl_column_text(cells, i);
        assert_int_equal(cell.size, far_ends[i + 1] - far_ends[i]);
        assert_true(cell.size <= SL_VIEW_INLINE || cell.data == zeroes + far_ends[i]);
    }
    sl_batch_unref(batch);
    static const int64_t too_far[] = {0, 2200000000};
    start(&p, 1, 1);
    column(&p, 0, "Z", 0, NULL, too_far, zeroes);
    check_refused(&p, SL_E_DATA, "a cell of more than 2147483647 bytes");
    munmap(zeroes, size);
}

SL_TEST(arrow_import_cleans_views, "")
{
    // rubbish behind short text, and a view under a null that points nowhere
    sl_view views[3] = {sli_view_of(text, 0, 4, 26), sli_view_of("short", 0, 0, 5), {.size = 99}};
    views[1].as.inlined[11] = 'x';
    views[2].as.ref.buffer = 7;
    static const uint8_t valid[] = {0x03};
    static const int64_t sizes[] = {33};
    producer p;
    start(&p, 1, 3);
    column(&p, 0, "vu", 0, valid, views, text);
    p.columns[0].n_buffers = 4;
    p.buffers[0][3] = sizes;
    check_rows(&p, "a string?", "\"longer than twelve letters\" ;\"short\" ;null ;");
}

SL_TEST(arrow_import_refuses_broken_views, "")
{
    static const int64_t sizes[] = {33};
    for (int i = 0; i < 6; i++) {
        sl_view view = sli_view_of(text, 0, 4, 26);
        view.size = i == 0 ? -1 : i == 1 ? 30 : view.size;
        view.as.ref.buffer = i == 2 ? 1 : i == 3 ? -1 : 0;
        view.as.ref.offset = i == 4 ? -4 : view.as.ref.offset;
        view.as.ref.prefix[0] = i == 5 ? 'x' : 'l';
        producer p;
        start(&p, 1, 1);
        column(&p, 0, "vu", 0, NULL, &view, text);
        p.columns[0].n_buffers = 4;
        p.buffers[0][3] = sizes;
        check_refused(&p, SL_E_DATA, "a view outside its buffers");
    }
}

/// Column 0 as indices into the first of the texts of `ends`.
static void dictionary_of(producer *p, const char *index, const char *values, int64_t n,
                          const void *validity)
{
    p->items[0] = (struct ArrowSchema){
        .format = values, .name = "", .release = release_schema, .private_data = p};
    p->elements[0] = (struct ArrowArray){.length = n,
                                         .n_buffers = 3,
                                         .null_count = -1,
                                         .buffers = p->buffers[4],
                                         .release = release_array,
                                         .private_data = p};
    p->buffers[4][0] = validity;
    p->buffers[4][1] = ends;
    p->buffers[4][2] = text;
    p->fields[0].format = index;
    p->fields[0].dictionary = &p->items[0];
    p->columns[0].dictionary = &p->elements[0];
}

SL_TEST(arrow_import_puts_texts_for_indices, "")
{
    static const uint8_t valid[] = {0x1e}, values_valid[] = {0x3d};
    static const uint16_t shorts[] = {9, 0, 3, 1, 4, 2};
    static const int8_t bytes[] = {9, 0, 3, 1, 4, 2};
    static const uint64_t longs[] = {9, 0, 3, 1, 4, 2};
    static const struct {
        const char *type;
        const void *indices;
    } cases[] = {{"c", bytes},  {"C", bytes}, {"s", shorts},
                 {"S", shorts}, {"l", longs}, {"L", longs}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        producer p;
        start(&p, 1, 4);
        column(&p, 0, "l", 1, valid, cases[i].indices, NULL);
        dictionary_of(&p, cases[i].type, i % 2 == 0 ? "u" : "z", 6, values_valid);
        check_rows(&p, i % 2 == 0 ? "a string?" : "a binary?",
                   "\"a\" ;\"longer than twelve letters\" ;null ;\"!\" ;");
    }
}

SL_TEST(arrow_import_refuses_broken_dictionaries, "")
{
    static const int32_t beyond[] = {0, 6, 0}, negative[] = {0, -1, 0};
    for (int what = 0; what < 6; what++) {
        producer p;
        start(&p, 1, 3);
        column(&p, 0, "i", 0, NULL, what == 0 ? beyond : negative, NULL);
        dictionary_of(&p, "i", "u", what == 2 ? -1 : 6, NULL);
        if (what == 3) {
            p.columns[0].dictionary = NULL;
        } else if (what == 4) {
            p.buffers[0][1] = NULL;
        } else if (what == 5) {
            p.fields[0].format = "f";
        }
        check_refused(&p, SL_E_DATA, what < 2 ? "an index outside its dictionary" : "");
    }
}

SL_TEST(arrow_import_checks_utf8, "")
{
    static const int32_t split[] = {0, 1, 2};
    producer p;
    start(&p, 1, 2);
    column(&p, 0, "u", 0, NULL, split, "\xc3\xa4"); // valid as a whole, not cell by cell
    check_refused(&p, SL_E_DATA, "text that is not UTF-8");
    static const uint8_t second[] = {2};
    start(&p, 1, 2);
    column(&p, 0, "u", 0, second, split,
           "\xff"
           "b"); // rubbish under a null does not matter
    check_rows(&p, "a string?", "null ;\"b\" ;");
}

SL_TEST(arrow_import_refuses_what_it_cannot_hold, "")
{
    static const char *const formats[] = {"e",   "n",     "w:4", "tdm", "tss:", "d:5,2,256",
                                          "d:x", "+us:0", "+m",  "tD",  ""};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        producer p;
        start(&p, 1, 1);
        column(&p, 0, "l", 0, NULL, numbers, NULL);
        p.fields[0].format = formats[i];
        check_refused(&p, SL_E_UNSUPPORTED, "is not read");
    }
    producer p;
    start(&p, 1, 1);
    column(&p, 0, "l", 0, NULL, numbers, NULL);
    struct ArrowSchema dictionary = {.format = "l"};
    p.fields[0].dictionary = &dictionary;
    check_refused(&p, SL_E_UNSUPPORTED, "a dictionary of int64 is not read");
    start(&p, 1, 1);
    column(&p, 0, "l", 0, NULL, numbers, NULL);
    p.fields[0].name = "two words";
    check_refused(&p, SL_E_UNSUPPORTED, "schema \"two words int64?\"");
    start(&p, 1, 1);
    column(&p, 0, "l", 0, NULL, numbers, NULL);
    p.schema.format = "l";
    check_refused(&p, SL_E_UNSUPPORTED, "no struct of columns");
    static const uint8_t none[] = {0};
    start(&p, 1, 1);
    column(&p, 0, "l", 0, NULL, numbers, NULL);
    p.none[0] = none;
    check_refused(&p, SL_E_UNSUPPORTED, "null as a whole");
}

/// One thing wrong at a time.
static void break_one(producer *p, int what)
{
    static const int32_t falling[] = {0, 3, 2, 4}, negative[] = {-1, 0, 1, 2};
    int64_t *lengths[] = {&p->columns[0].length, &p->columns[0].offset, &p->array.length,
                          &p->array.offset};
    const void **buffers[] = {&p->buffers[0][1], &p->buffers[1][1], &p->buffers[1][2],
                              &p->buffers[2][1]};
    if (what < 4) {
        *lengths[what] = -1;
    } else if (what < 8) {
        *buffers[what - 4] = NULL;
    } else if (what < 10) {
        p->buffers[1][1] = what == 8 ? falling : negative;
    } else if (what < 12) {
        p->buffers[2][1] = what == 10 ? falling : negative;
    } else if (what == 12) {
        p->elements[2].length = 1; // lists reach past it
    } else if (what == 13) {
        p->columns[0].n_buffers = 1;
    } else if (what == 14) {
        p->columns[2].n_children = 0;
    } else if (what == 15) {
        p->column_list[1] = NULL;
    } else if (what == 16) {
        p->columns[0].length = 2;
    } else if (what == 17) {
        p->array.length = (int64_t)1 << 40;
    } else if (what == 18) {
        p->columns[1].buffers = NULL;
    } else if (what == 19) {
        p->fields[0].flags = 0; // not nullable, and yet
        static const uint8_t valid[] = {5};
        p->buffers[0][0] = valid;
    } else if (what == 20) {
        p->field_list[0] = NULL;
    } else {
        p->array.n_children = 2;
    }
}

SL_TEST(arrow_import_refuses_broken_structs, "")
{
    static const int32_t lists[] = {0, 2, 2, 3};
    for (int what = 0; what < 22; what++) {
        producer p;
        start(&p, 3, 3);
        column(&p, 0, "l", 0, NULL, numbers, NULL);
        column(&p, 1, "u", 0, NULL, ends, text);
        column(&p, 2, "+l", 0, NULL, lists, NULL);
        list_of(&p, 2, "l", 3, NULL, numbers);
        break_one(&p, what);
        check_refused(&p, SL_E_DATA, "");
    }
}

SL_TEST(arrow_survives_refused_memory, "")
{
    sli_rng rng = {52};
    sl_schema *schema = slt_col_schema(slt_col_all_types);
    sl_batch *batch = slt_col_random(schema, &rng, 20);
    int64_t before = sli_mem_used(SLI_TAG_BATCH);
    sl_code rc = SL_E_NOMEM;
    for (int64_t n = 1; rc != SL_OK; n++) {
        struct ArrowSchema arrow_schema;
        struct ArrowArray array;
        sl_batch *back = NULL;
        sli_mem_fail_nth(n);
        rc = sl_batch_export(batch, &arrow_schema, &array, NULL);
        rc = rc == SL_OK ? sl_batch_import(&arrow_schema, &array, &back, NULL) : rc;
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || rc == SL_E_NOMEM);
        sl_batch_unref(back);
        assert_int_equal(sli_mem_used(SLI_TAG_BATCH), before);
        assert_true(n < 500);
    }
    sl_batch_unref(batch);
    sl_schema_unref(schema);
}
