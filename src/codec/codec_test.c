// Codecs against files that others made (packed_test/), whole, in pieces, cut and damaged.
#include "codec/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sl_test.h"

static const char *const files[] = {"words.txt.gz",      "words.txt.zst",  "words.txt.bz2",
                                    "python.txt.gz",     "python.txt.bz2", "frames.txt.zst",
                                    "hadoop.txt.snappy", "framed.txt.sz"};
enum { FILES = 8 };

static sli_str read_file(const char *name)
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

/// Unpacks in pieces; *whole tells how it ended.
static sl_code unpack(const sli_codec *codec, const char *data, size_t size, size_t in_piece,
                      size_t out_piece, sli_str *out, bool *whole)
{
    sli_unpacker *unpacker = NULL;
    char room[4096];
    sl_code rc = codec->open(&unpacker, NULL);
    for (size_t at = 0; rc == SL_OK && at < size; at += in_piece) {
        sli_flow flow = {.in = data + at, .in_size = size - at < in_piece ? size - at : in_piece};
        bool more = true;
        while (rc == SL_OK && (flow.in_size > 0 || more)) {
            flow.out = room;
            flow.out_size = out_piece;
            rc = codec->step(unpacker, &flow, NULL);
            sli_str_add(out, room, out_piece - flow.out_size);
            more = flow.out_size == 0;
        }
    }
    *whole = rc == SL_OK && unpacker->is_whole;
    codec->close(unpacker);
    return rc;
}

static void becomes(const char *name, const char *data, size_t size, size_t in, size_t room,
                    const char *expected)
{
    sli_str out = SLI_STR_INIT;
    bool whole = false;
    sl_code rc = unpack(sli_codec_of_name(name), data, size, in, room, &out, &whole);
    if (rc != SL_OK || !whole || strcmp(out.data, expected) != 0) {
        fail_msg("%s in pieces of %zu and %zu: %s, whole %d", name, in, room, sl_code_name(rc),
                 (int)whole);
    }
    sli_str_reset(&out);
}

SL_TEST(codecs_read_what_others_wrote_in_pieces_of_any_size, "")
{
    static const size_t pieces[][2] = {{1 << 20, 4096}, {1, 4096}, {1 << 20, 1}, {13, 7}};
    sli_str text = read_file("words.txt"), twice = read_file("words.txt");
    sli_str_add(&twice, text.data, text.size);
    for (int32_t i = 0; i < FILES; i++) {
        sli_str packed = read_file(files[i]), both = read_file(files[i]);
        sli_str_add(&both, packed.data, packed.size);
        for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
            becomes(files[i], packed.data, packed.size, pieces[p][0], pieces[p][1], text.data);
        }
        becomes(files[i], both.data, both.size, 1000, 1000, twice.data);
        sli_str_reset(&packed);
        sli_str_reset(&both);
    }
    sli_str_reset(&text);
    sli_str_reset(&twice);
}

SL_TEST(codecs_tell_a_cut_wherever_it_is, "")
{
    sli_str text = read_file("words.txt");
    for (int32_t i = 0; i < FILES; i++) {
        sli_str packed = read_file(files[i]);
        for (size_t size = 1; size < packed.size;
             size += size < 64 || size + 64 > packed.size ? 1 : 37) {
            sli_str out = SLI_STR_INIT;
            bool whole = false;
            sl_code rc =
                unpack(sli_codec_of_name(files[i]), packed.data, size, 997, 4096, &out, &whole);
            // Between two streams or parts a cut can't be seen, nor among zeros behind the last.
            if (out.size > text.size ||
                memcmp(out.data == NULL ? "" : out.data, text.data, out.size) != 0) {
                fail_msg("%s cut at %zu: other bytes", files[i], size);
            }
            if (i < 3 && (whole || (rc != SL_OK && rc != SL_E_DATA))) {
                fail_msg("%s cut at %zu is told to be whole", files[i], size);
            }
            sli_str_reset(&out);
        }
        sli_str_reset(&packed);
    }
    sli_str_reset(&text);
}

SL_TEST(codecs_tell_damage_and_end_whatever_the_bytes_are, "")
{
    sli_str text = read_file("words.txt");
    for (int32_t i = 0; i < FILES; i++) {
        bool has_sums = strcmp(files[i], "hadoop.txt.snappy") != 0 &&
                        strcmp(files[i], "frames.txt.zst") != 0; // its second one has none
        sli_str packed = read_file(files[i]);
        for (size_t at = 0; at < packed.size; at += 11) {
            sli_str out = SLI_STR_INIT;
            bool whole = false;
            packed.data[at] = (char)(packed.data[at] ^ 0x41);
            (void)!unpack(sli_codec_of_name(files[i]), packed.data, packed.size, 997, 4096, &out,
                          &whole);
            packed.data[at] = (char)(packed.data[at] ^ 0x41);
            bool same = out.size == text.size && memcmp(out.data, text.data, out.size) == 0;
            if (has_sums && whole && !same) { // what no sum covers (a time, a name) may differ
                fail_msg("%s with another byte %zu passes as another text", files[i], at);
            }
            sli_str_reset(&out);
        }
        sli_str_reset(&packed);
    }
    sli_str_reset(&text);
}

SL_TEST(codecs_go_by_names, "")
{
    assert_ptr_equal(sli_codec_of_name("in/a.csv.gz"), &sli_codec_gzip);
    assert_ptr_equal(sli_codec_of_name("a.zst"), &sli_codec_zstd);
    assert_ptr_equal(sli_codec_of_name("a.sz"), &sli_codec_snappy);
    assert_null(sli_codec_of_name(".gz"));
    assert_null(sli_codec_of_name("a.csv"));
    assert_ptr_equal(sli_codec_find((sl_text){"bzip2", 5}), &sli_codec_bzip2);
    assert_null(sli_codec_find((sl_text){"lzma", 4}));
}
