#include "sluice/error.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "sl_test.h"

SL_TEST(error_set_fills_all_fields_and_returns_the_code, "")
{
    sl_error err = {.code = SL_E_IO, .action = SL_ACT_STOP_JOB, .sys_errno = EIO, .text = "old"};
    assert_int_equal(sl_error_set(&err, SL_E_DATA, "line %d of %s", 7, "a.txt"), SL_E_DATA);
    assert_int_equal(err.code, SL_E_DATA);
    assert_int_equal(err.sys_errno, 0);
    assert_int_equal(sl_error_action(&err), SL_ACT_RETRY_TASK);
    SL_CHECK_TEXT(err.text, "line 7 of a.txt");
}

SL_TEST(error_calls_accept_null, "")
{
    assert_int_equal(sl_error_set(NULL, SL_E_DATA, "x"), SL_E_DATA);
    assert_int_equal(sl_error_sys(NULL, SL_OK, ENOENT, "x"), SL_E_NOT_FOUND);
    assert_int_equal(sl_error_wrap(NULL, SL_E_IO, "x"), SL_E_IO);
    assert_int_equal(sl_error_act(NULL, SL_ACT_STOP_JOB), SL_OK);
}

SL_TEST(error_text_may_be_its_own_argument, "")
{
    sl_error err = SL_ERROR_INIT;
    sl_error_set(&err, SL_E_IO, "first");
    sl_error_set(&err, SL_E_USER, "second after %s", err.text);
    SL_CHECK_TEXT(err.text, "second after first");
    sl_error_wrap(&err, SL_E_USER, "[%s]", err.text);
    SL_CHECK_TEXT(err.text, "[second after first]: second after first");
}

SL_TEST(error_sys_chooses_the_code_and_adds_the_reason, "")
{
    static const struct {
        int sys_errno;
        sl_code code;
    } rows[] = {{ENOENT, SL_E_NOT_FOUND},   {ENOTDIR, SL_E_NOT_FOUND}, {EEXIST, SL_E_EXISTS},
                {ENOTEMPTY, SL_E_EXISTS},   {ENOSPC, SL_E_NO_SPACE},   {EDQUOT, SL_E_NO_SPACE},
                {ENOMEM, SL_E_NOMEM},       {ETIMEDOUT, SL_E_TIMEOUT}, {ECANCELED, SL_E_CANCELLED},
                {ENOSYS, SL_E_UNSUPPORTED}, {EACCES, SL_E_IO},         {EIO, SL_E_IO}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sl_error_sys(&err, SL_OK, rows[i].sys_errno, "open"), rows[i].code);
        assert_int_equal(err.code, rows[i].code);
        assert_int_equal(err.sys_errno, rows[i].sys_errno);
    }
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_error_sys(&err, SL_E_BUSY, ENOENT, "open '%s'", "/x"), SL_E_BUSY);
    SL_CHECK_TEXT(err.text, "open '/x': No such file or directory");
    sl_error_sys(&err, SL_OK, 99999, "open");
    SL_CHECK_TEXT(err.text, "open: errno 99999");
}

SL_TEST(error_wrap_keeps_code_action_and_errno, "")
{
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sl_error_sys(&err, SL_OK, EIO, "read");
    sl_error_act(&err, SL_ACT_REPLAY_EPOCH);
    assert_int_equal(sl_error_wrap(&err, rc, "epoch %d", 3), SL_E_IO);
    assert_int_equal(err.code, SL_E_IO);
    assert_int_equal(err.sys_errno, EIO);
    assert_int_equal(sl_error_action(&err), SL_ACT_REPLAY_EPOCH);
    SL_CHECK_TEXT(err.text, "epoch 3: read: Input/output error");
}

SL_TEST(error_wrap_of_success_or_of_an_unfilled_error, "")
{
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_error_wrap(&err, SL_OK, "x"), SL_OK);
    SL_CHECK_TEXT(err.text, "");
    assert_int_equal(sl_error_wrap(&err, SL_E_TIMEOUT, "connect"), SL_E_TIMEOUT);
    assert_int_equal(err.code, SL_E_TIMEOUT);
    SL_CHECK_TEXT(err.text, "connect: SL_E_TIMEOUT");
}

// However the end falls, the text stays UTF-8 and ended by a zero, and nothing behind it is
// touched.
SL_TEST(error_text_is_cut_at_a_character, "")
{
    static const char *const characters[] = {"x", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (size_t c = 0; c < 4; c++) {
        for (size_t lead = 0; lead < 5; lead++) {
            char text[2048] = "abcd";
            text[lead < 4 ? lead : 4] = '\0';
            while (strlen(text) < 600) {
                strcat(text, characters[c]);
            }
            struct {
                sl_error err;
                char guard[8];
            } s = {.guard = "guarded"};
            sl_error_set(&s.err, SL_E_DATA, "%s", text);
            size_t size = strlen(s.err.text);
            assert_in_range(size, SL_ERROR_TEXT_BYTES - 4, SL_ERROR_TEXT_BYTES - 1);
            assert_int_equal(sli_utf8_check(s.err.text, size), size);
            assert_memory_equal(s.err.text, text, size);
            assert_string_equal(s.guard, "guarded");
            for (int i = 0; i < 3; i++) { // an already full text wraps, too
                sl_error_wrap(&s.err, SL_E_DATA, "\xC3\xA4 while %d", i);
                size = strlen(s.err.text);
                assert_int_equal(sli_utf8_check(s.err.text, size), size);
            }
            assert_string_equal(s.guard, "guarded");
        }
    }
}

SL_TEST(error_codes_have_names_and_actions, "")
{
    for (int code = SL_OK; code <= SL_E_CRASHED; code++) {
        const char *name = sl_code_name((sl_code)code);
        assert_memory_equal(name, "SL_", 3);
        assert_string_not_equal(name, "SL_E_?");
        bool retries = code == SL_E_IO || code == SL_E_NOMEM || code == SL_E_TIMEOUT ||
                       code == SL_E_USER || code == SL_E_DATA;
        sl_action expected = code == SL_OK ? SL_ACT_DEFAULT : SL_ACT_STOP_JOB;
        assert_int_equal(sl_code_action((sl_code)code), retries ? SL_ACT_RETRY_TASK : expected);
    }
    SL_CHECK_TEXT(sl_code_name(SL_E_SUPERSEDED), "SL_E_SUPERSEDED");
    SL_CHECK_TEXT(sl_code_name((sl_code)77), "SL_E_?");
    SL_CHECK_TEXT(sl_code_name((sl_code)-1), "SL_E_?");
    assert_int_equal(sl_code_action((sl_code)77), SL_ACT_STOP_JOB);
}

static sl_code try_twice(sl_code first, int *reached)
{
    SL_TRY(first);
    *reached += 1;
    SL_TRY(SL_E_STATE);
    *reached += 1;
    return SL_OK;
}

SL_TEST(error_try_returns_the_first_failure, "")
{
    int reached = 0;
    assert_int_equal(try_twice(SL_E_IO, &reached), SL_E_IO);
    assert_int_equal(reached, 0);
    assert_int_equal(try_twice(SL_OK, &reached), SL_E_STATE);
    assert_int_equal(reached, 1);
}
