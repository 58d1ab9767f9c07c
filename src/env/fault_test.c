/// fault_test.c — SLUICE_FAULT's text, and that the call it names is struck, once, and no other.
/// That the table passes on everything else is in the contract tests.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env/env.h"
#include "sl_test.h"

typedef struct rig {
    sl_env *env;
    const char *dir;
    char path[600];
    sl_error error;
} rig;

static sl_code rig_open(rig *r, const char *fault)
{
    *r = (rig){.dir = slt_temp_dir()};
    assert_int_equal(sli_env_posix(&r->env, NULL), SL_OK);
    (void)snprintf(r->path, sizeof r->path, "%s/f", r->dir);
    return sli_env_fault(r->env, fault, &r->error);
}

/// Syncs a file and its directory.
static sl_code sync_both(rig *r)
{
    sli_file *file = NULL;
    SL_TRY(sli_file_open(r->env, r->path, SLI_APPEND, &file, &r->error));
    sl_code rc = sli_file_sync(file, &r->error);
    sli_file_close(&file);
    return rc == SL_OK ? sli_env_sync_dir(r->env, r->dir, &r->error) : rc;
}

SL_TEST(fault_strikes_the_nth_call_once, "")
{
    rig r;
    assert_int_equal(rig_open(&r, "dir.sync:2"), SL_OK);
    assert_int_equal(sync_both(&r), SL_OK);
    assert_int_equal(sync_both(&r), SL_E_IO);
    SL_CHECK_TEXT(r.error.text,
                  "injected failure of dir.sync (SLUICE_FAULT=dir.sync:2): Input/output error");
    assert_int_equal(r.error.sys_errno, EIO);
    assert_int_equal(sync_both(&r), SL_OK);
    sli_env_free(r.env);
}

SL_TEST(fault_env_means_every_call_of_that_word, "")
{
    rig r;
    assert_int_equal(rig_open(&r, "env.sync:3:enospc"), SL_OK);
    assert_int_equal(sync_both(&r), SL_OK);
    assert_int_equal(sync_both(&r), SL_E_NO_SPACE);
    assert_non_null(strstr(r.error.text, "injected failure of file.sync"));
    sli_env_free(r.env);
}

SL_TEST(fault_strikes_a_call_that_env_does_not_make, "")
{
    rig r;
    assert_int_equal(rig_open(&r, "kafka.commit:2"), SL_OK);
    assert_int_equal(sli_env_outside(r.env, SLI_OUTSIDE_KAFKA_COMMIT, &r.error), SL_OK);
    assert_int_equal(sli_env_outside(r.env, SLI_OUTSIDE_KAFKA_SEND, &r.error), SL_OK);
    assert_int_equal(sli_env_outside(r.env, SLI_OUTSIDE_KAFKA_COMMIT, &r.error), SL_E_IO);
    assert_non_null(strstr(r.error.text, "injected failure of kafka.commit"));
    assert_int_equal(sli_env_outside(r.env, SLI_OUTSIDE_KAFKA_COMMIT, &r.error), SL_OK);
    sli_env_free(r.env);
}

SL_TEST(fault_may_end_the_process, "")
{
    (void)slt_temp_dir(); // ours: one of the child's nobody would remove
    pid_t child = fork();
    if (child == 0) {
        rig r;
        if (rig_open(&r, "signal.wait:2:crash") == SL_OK) {
            sli_signal *signal = sli_signal_new(r.env);
            sl_code first = sli_signal_wait(signal, 0, NULL);
            (void)!sli_signal_wait(signal, 0, NULL);
            _exit(first == SL_E_TIMEOUT ? 1 : 2);
        }
        _exit(3);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

SL_TEST(fault_refuses_a_wrong_text_by_name, "ERRORS-1")
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "SITE:N is needed"},
        {"file.sync", "SITE:N is needed"},
        {"file.sync:", "SITE:N is needed"},
        {"file.sync:0", "SITE:N is needed"},
        {"file.sync:1x", "SITE:N is needed"},
        {"file.synk:1", "SLUICE_FAULT=file.synk:1: there is no call 'file.synk', did you mean "
                        "'file.sync'?"},
        {"env.synk:1", "did you mean 'env.sync'?"},
        {"qqqqqqqq:1", "there is no call 'qqqqqqqq'"},
        {"time.wall:1", "there is no call 'time.wall'"},
        {"file.close:1:crash", "there is no call 'file.close'"},
        {"signal.wait:1", "signal.wait can't fail; only :crash is possible there"},
        {"file.sync:1:enospac", "there is no 'enospac', did you mean 'enospc'?"},
        {"file.sync:1:", "none of eio, enospc and crash"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rig r;
        assert_int_equal(rig_open(&r, cases[i].text), SL_E_CONFIG);
        if (strstr(r.error.text, cases[i].says) == NULL) {
            fail_msg("'%s': %s", cases[i].text, r.error.text);
        }
        assert_int_equal(sync_both(&r), SL_OK); // nothing was planned
        sli_env_free(r.env);
    }
}
