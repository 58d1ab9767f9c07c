/// child_contract_test.c — programs that we start, in both worlds.
#include "env/fixture_test.h"

#include <string.h>

#include "base/str.h"

static int32_t run_cat(void *ctx, sl_text words, sl_text in, sli_str *out, sli_str *errors)
{
    (void)ctx, (void)words, (void)errors;
    sli_str_add(out, in.data, in.size);
    return 0;
}

/// `sh -c "..."` as the tests below use it.
static int32_t run_sh(void *ctx, sl_text words, sl_text in, sli_str *out, sli_str *errors)
{
    (void)ctx, (void)words, (void)in, (void)out;
    sli_str_text(errors, "it went wrong\n");
    return 3;
}

static void add_commands(slt_bed *b)
{
    if (b->world != NULL) {
        assert_true(sli_world_command(b->world, "cat", run_cat, NULL));
        assert_true(sli_world_command(b->world, "sh", run_sh, NULL));
    }
}

/// Gives `in` and takes everything; returns the exit code.
static int32_t converse(sli_child *child, sl_text in, sli_str *out)
{
    char room[777];
    sli_exchange x = {.in = in.data, .in_size = in.size, .out = room, .out_size = sizeof room};
    while (!x.ended) {
        if (x.in_size == 0) {
            sli_child_end_input(child);
        }
        assert_int_equal(sli_child_exchange(child, &x, SLI_FOREVER, NULL), SL_OK);
        x.in = (const char *)x.in + x.n_in;
        x.in_size -= x.n_in;
        sli_str_add(out, room, x.n_out);
    }
    return x.status;
}

SLT_BOTH_WORLDS(a_child_gets_and_gives_more_than_pipes_hold)
{
    enum { SIZE = 1 << 20 };
    const char *const words[] = {"cat", NULL};
    sli_child *child = NULL;
    sli_str in = SLI_STR_INIT, out = SLI_STR_INIT;
    add_commands(b);
    for (int i = 0; i < SIZE / 8; i++) {
        sli_str_printf(&in, "%07d\n", i);
    }
    assert_int_equal(sli_child_start(b->env, words, NULL, &child, NULL), SL_OK);
    assert_int_equal(converse(child, (sl_text){in.data, in.size}, &out), 0);
    assert_int_equal(out.size, SIZE);
    assert_memory_equal(out.data, in.data, SIZE);
    assert_int_equal(sli_child_errors(child).size, 0);
    sli_child_free(&child);
    assert_null(child);
    sli_child_free(&child);
    sli_str_reset(&in);
    sli_str_reset(&out);
}

SLT_BOTH_WORLDS(a_child_tells_its_exit_code_and_its_last_words)
{
    const char *const words[] = {"sh", "-c", "echo it went wrong >&2; exit 3", NULL};
    sli_child *child = NULL;
    sli_str out = SLI_STR_INIT;
    add_commands(b);
    assert_int_equal(sli_child_start(b->env, words, NULL, &child, NULL), SL_OK);
    assert_int_equal(converse(child, (sl_text){"unread\n", 7}, &out), 3);
    sl_text said = sli_child_errors(child);
    assert_int_equal(said.size, 14);
    assert_memory_equal(said.data, "it went wrong\n", 14);
    sli_child_free(&child);
    sli_str_reset(&out);
}

SLT_BOTH_WORLDS(a_child_that_is_not_there_is_not_found)
{
    // By its path: a directory on PATH that we may not read would make it "permission denied".
    const char *const words[] = {slt_bed_at(b, "no-such-program"), NULL};
    sli_child *child = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_child_start(b->env, words, NULL, &child, &err), SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "no-such-program"));
    assert_null(child);
}

SLT_BOTH_WORLDS(an_exchange_ends_at_its_deadline_and_a_running_child_is_ended)
{
    const char *const words[] = {"cat", NULL};
    char room[8];
    sli_child *child = NULL;
    sli_exchange x = {.out = room, .out_size = sizeof room};
    add_commands(b);
    assert_int_equal(sli_child_start(b->env, words, NULL, &child, NULL), SL_OK);
    int64_t deadline = sli_env_mono_us(b->env) + 2000;
    assert_int_equal(sli_child_exchange(child, &x, deadline, NULL), SL_OK);
    assert_true(sli_env_mono_us(b->env) >= deadline);
    assert_true(x.n_out == 0 && !x.ended);
    sli_child_free(&child);
}
