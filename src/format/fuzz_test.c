// The fuzz entries of tests/fuzz, run over their corpora: each seed as it is and many times
// mutated.
#include "format/fixture_test.h"
#include "format/fuzz_test.h"

#include <dirent.h>
#include <stdio.h>

enum { MOST = 4096 };

// Bytes that mean something to one of the formats come up often.
static void mutate(uint8_t *data, size_t *size, sli_rng *rng)
{
    static const char likely[] = "\"\"\",,\n\n\r{}[]::\\u0e-+.1 \xFF\xC3\xBC\xE2\x82null";
    for (uint64_t n = 1 + sli_rng_below(rng, 6); n > 0; n--) {
        size_t at = sli_rng_below(rng, *size);
        uint8_t byte = (uint8_t)likely[sli_rng_below(rng, sizeof likely)];
        switch (sli_rng_below(rng, 4)) {
        case 0:
            data[at] = byte;
            break;
        case 1:
            data[at] ^= (uint8_t)(1U << sli_rng_below(rng, 8));
            break;
        case 2: // one byte more
            if (*size < MOST) {
                memmove(data + at + 1, data + at, *size - at);
                data[at] = byte;
                ++*size;
            }
            break;
        default: // a stretch less
            if (*size > 4) {
                size_t gone = 1 + sli_rng_below(rng, *size - at > 8 ? 8 : *size - at);
                gone = gone > *size - 4 ? *size - 4 : gone;
                memmove(data + at, data + at + gone, at + gone < *size ? *size - at - gone : 0);
                *size -= gone;
            }
        }
    }
}

static void run_corpus(const char *name, int (*entry)(const uint8_t *, size_t), int n_rounds)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/fuzz/format_%s_corpus", SLT_SOURCE_DIR, name);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    int n_seeds = 0;
    for (struct dirent *file; (file = readdir(dir)) != NULL;) {
        if (file->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "%s/tests/fuzz/format_%s_corpus/%.200s", SLT_SOURCE_DIR, name,
                 file->d_name);
        FILE *in = fopen(path, "rb");
        assert_non_null(in);
        uint8_t seed[MOST], data[MOST + 1];
        size_t size = fread(seed, 1, sizeof seed, in);
        fclose(in);
        assert_int_equal(entry(seed, size), 0);
        sli_rng rng = {sli_hash64(seed, size)};
        for (int i = 0; i < n_rounds && size > 0; i++) {
            size_t n = size;
            memcpy(data, seed, size);
            mutate(data, &n, &rng);
            assert_int_equal(entry(data, n), 0);
        }
        n_seeds++;
    }
    closedir(dir);
    assert_true(n_seeds >= 4);
}

SL_TEST(mutated_text_never_crashes_and_pieces_agree, "")
{
    run_corpus("text", slt_fuzz_text, slt_is_soak() ? 200000 : 2000);
}

SL_TEST(mutated_csv_never_crashes_and_pieces_agree, "")
{
    run_corpus("csv", slt_fuzz_csv, slt_is_soak() ? 200000 : 2000);
}

SL_TEST(mutated_json_never_crashes_and_pieces_agree, "")
{
    run_corpus("json", slt_fuzz_json, slt_is_soak() ? 200000 : 2000);
}

SL_TEST(mutated_arrow_never_crashes_and_pieces_agree, "")
{
    run_corpus("arrow", slt_fuzz_arrow, slt_is_soak() ? 200000 : 1000);
}

SL_TEST(mutated_values_never_crash_and_steps_agree, "")
{
    run_corpus("values", slt_fuzz_values, slt_is_soak() ? 200000 : 2000);
}

SL_TEST(mutated_avro_never_crashes_and_steps_agree, "")
{
    run_corpus("avro", slt_fuzz_avro, slt_is_soak() ? 200000 : 2000);
}

SL_TEST(mutated_avro_files_never_crash_and_pieces_agree, "")
{
    run_corpus("avro_file", slt_fuzz_avro_file, slt_is_soak() ? 200000 : 1000);
}

SL_TEST(mutated_avro_schemas_never_crash, "")
{
    run_corpus("avro_schema", slt_fuzz_avro_schema, slt_is_soak() ? 200000 : 2000);
}
