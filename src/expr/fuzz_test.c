// fuzz_test.c — states of sketches with bytes changed, cut and added, and bytes from nowhere.
#include "expr/fixture_test.h"
#include "expr/fuzz_test.h"

static void change(sli_str *bytes, sli_rng *rng)
{
    for (uint64_t n = 1 + sli_rng_below(rng, 3); n > 0 && bytes->size > 0; n--) {
        size_t at = sli_rng_below(rng, bytes->size);
        at = sli_rng_below(rng, 2) == 0 ? at % 16 : at; // headers come up often
        switch (sli_rng_below(rng, 4)) {
        case 0:
            bytes->data[at % bytes->size] ^= (char)(1U << sli_rng_below(rng, 8));
            break;
        case 1:
            bytes->data[at % bytes->size] = (char)sli_rng_next(rng);
            break;
        case 2:
            bytes->size = at % bytes->size;
            break;
        default:
            sli_str_char(bytes, (char)sli_rng_next(rng));
            break;
        }
    }
}

SL_TEST(changed_states_of_sketches_are_merged_or_refused, "")
{
    sli_rng rng = {61};
    int rounds = slt_is_soak() ? 200000 : 1000, n_taken = 0;
    for (int round = 0; round < rounds; round++) {
        int which = round % SLT_FUZZ_AGGS, n = (int)sli_rng_below(&rng, 900);
        sli_str bytes = {.tag = SLI_TAG_TEST};
        slt_fuzz_good_state(which, n, sli_rng_next(&rng), &bytes);
        change(&bytes, &rng);
        n_taken += slt_fuzz_state_bytes(which, (int)sli_rng_below(&rng, 100),
                                        (sl_text){bytes.data, bytes.size});
        sli_str_reset(&bytes);
    }
    assert_in_range(n_taken, rounds / 50, rounds - rounds / 50); // both were tried
}

SL_TEST(bytes_from_nowhere_are_no_state_of_a_sketch, "")
{
    sli_rng rng = {62};
    for (int round = 0; round < 500; round++) {
        char bytes[64];
        size_t size = sli_rng_below(&rng, sizeof bytes);
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (char)sli_rng_below(&rng, i < 2 ? 4 : 256);
        }
        (void)slt_fuzz_state_bytes(round % SLT_FUZZ_AGGS, 3, (sl_text){bytes, size});
    }
}
