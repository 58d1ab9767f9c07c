/// trace_test.c — the file as viewers get it: its text, and what is left of it when a process dies
/// or the disk is full.
#include "sl_test.h"

#include "env/sim.h"
#include "metrics/metrics_int.h"

static const char path[] = "/run.json";

/// A trace in a simulated world, and what the log has said.
typedef struct rig {
    sli_world *world;
    sl_env *env;
    sli_metrics *metrics;
    sli_log *log;
    sli_trace *trace;
    sli_str said, text;
} rig;

static void note_line(void *self, sli_level level, const char *module, const char *line)
{
    (void)level;
    (void)module;
    sli_str_text(self, line);
    sli_str_char(self, '\n');
}

static sl_code rig_open(rig *r, const sli_fault *fault, int64_t limit_bytes, sl_error *err)
{
    *r = (rig){.world = sli_world_new(&(sli_world_conf){.seed = 3})};
    assert_int_equal(sli_world_boot(r->world, fault, &r->env, NULL), SL_OK);
    assert_int_equal(sli_metrics_new(&r->metrics, r->env, NULL), SL_OK);
    assert_int_equal(sli_log_new(&r->log, NULL, (sli_log_sink){note_line, &r->said}, NULL), SL_OK);
    return sli_trace_open(&r->trace, r->metrics, r->log, path, limit_bytes, err);
}

/// The file as it is now, ended by a bracket when it lacks it: what viewers do.
static const char *file_of(rig *r)
{
    char *bytes = NULL;
    size_t size = 0;
    sli_str_clear(&r->text);
    assert_int_equal(sli_world_read(r->world, path, &bytes, &size, NULL), SL_OK);
    sli_str_add(&r->text, bytes, size);
    sl_free(bytes);
    if (size < 2 || strcmp(r->text.data + size - 2, "]\n") != 0) {
        sli_str_text(&r->text, "]");
    }
    return r->text.data;
}

/// Also true for an empty file: the first write failed.
static bool is_json(rig *r)
{
    const char *text = file_of(r);
    return strcmp(text, "]") == 0 || sli_json_is_valid(text, strlen(text));
}

static void rig_reset(rig *r)
{
    sli_trace_close(r->trace);
    sli_metrics_free(r->metrics);
    sli_log_free(r->log);
    sli_env_free(r->env);
    sli_world_free(r->world);
    sli_str_reset(&r->said);
    sli_str_reset(&r->text);
}

static void emit_task(rig *r, int32_t worker, int64_t epoch)
{
    sli_metrics_emit(r->metrics, &(sli_event){.kind = SLI_EV_TASK_COMPLETED,
                                              .thread = SLI_ON_WORKER,
                                              .mono_us = 1000 * epoch + 500,
                                              .epoch = epoch,
                                              .stage = 1,
                                              .partition = 3,
                                              .attempt = 2,
                                              .worker = worker,
                                              .rows = 10,
                                              .bytes = 99,
                                              .duration_us = 400});
}

static void emit_epoch(rig *r, int64_t epoch)
{
    sli_metrics_emit(r->metrics, &(sli_event){.kind = SLI_EV_EPOCH_COMPLETED,
                                              .mono_us = 1000 * epoch + 900,
                                              .epoch = epoch,
                                              .batch_time_us = 7000000,
                                              .rows = 20,
                                              .duration_us = 890,
                                              .delay_us = 5});
    sli_metrics_drain(r->metrics);
}

SL_TEST(trace_is_the_events_as_json, "")
{
    rig r;
    assert_int_equal(rig_open(&r, NULL, SLI_TRACE_MAX_BYTES, NULL), SL_OK);
    emit_task(&r, 1, 1);
    sli_metrics_emit(r.metrics, &(sli_event){.kind = SLI_EV_STAGE_COMPLETED,
                                             .mono_us = 1600,
                                             .epoch = 1,
                                             .stage = 1,
                                             .rows = 4,
                                             .duration_us = 550,
                                             .text = "counts \"x\""});
    emit_epoch(&r, 1);
    const sli_event after[] = {
        {.kind = SLI_EV_EPOCH_PLANNED, .mono_us = 15, .epoch = 2, .duration_us = 5},
        {.kind = SLI_EV_GROUP_SEALED,
         .thread = SLI_ON_WRITER,
         .mono_us = 21,
         .group = 4,
         .epoch = 1,
         .rows = 6,
         .duration_us = 1},
        {.kind = SLI_EV_LOG_SYNCED,
         .thread = SLI_ON_WRITER,
         .mono_us = 23,
         .group = 4,
         .epoch = 1,
         .duration_us = 2},
        {.kind = SLI_EV_GROUP_COMMITTED,
         .thread = SLI_ON_COMMITTER,
         .mono_us = 26,
         .group = 4,
         .epoch = 1,
         .rows = 6,
         .duration_us = 3,
         .code = SL_E_IO,
         .text = "no \xff disk"},
        {.kind = SLI_EV_SNAPSHOT,
         .thread = SLI_ON_COMPACTOR,
         .mono_us = 30,
         .group = 4,
         .epoch = 1,
         .bytes = 77,
         .duration_us = 4,
         .code = SL_E_NO_SPACE},
        {.kind = SLI_EV_WAL_SYNCED,
         .thread = SLI_ON_WAL,
         .mono_us = 35,
         .bytes = 88,
         .duration_us = 5,
         .text = "lines"},
        {.kind = SLI_EV_TASK_STARTED, .mono_us = 36}, // not shown: its end tells all
    };
    for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
        sli_metrics_emit(r.metrics, &after[i]);
    }
    sli_trace_close(r.trace);
    r.trace = NULL;
    SL_CHECK_TEXT(
        file_of(&r),
        "[\n"
        "{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":100,\"tid\":1,\"args\":{\"name\":"
        "\"sluice\"}"
        "},\n"
        "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":100,\"tid\":100,\"args\":{\"name\":\"sl-"
        "worker-0\"}},\n"
        "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":100,\"tid\":101,\"args\":{\"name\":\"sl-"
        "worker-1\"}},\n"
        "{\"name\":\"task\",\"ph\":\"X\",\"ts\":1100,\"dur\":400,\"pid\":100,\"tid\":101,\"args\":{"
        "\"epoch\":1,\"stage\":1,\"partition\":3,\"attempt\":2,\"rows\":10,\"bytes\":99}},\n"
        "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":100,\"tid\":100000,\"args\":{\"name\":"
        "\"stage 0\"}},\n"
        "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":100,\"tid\":100001,\"args\":{\"name\":"
        "\"stage 1\"}},\n"
        "{\"name\":\"stage counts "
        "\\\"x\\\"\",\"ph\":\"X\",\"ts\":1050,\"dur\":550,\"pid\":100,\"tid\":100001,\"args\":{"
        "\"epoch\":1,\"stage\":1,\"tasks\":4}},\n"
        "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":100,\"tid\":1,\"args\":{\"name\":\"sl-"
        "driver\"}},\n"
        "{\"name\":\"epoch\",\"ph\":\"X\",\"ts\":1010,\"dur\":890,\"pid\":100,\"tid\":1,\"args\":{"
        "\"epoch\":1,\"batchTimeUs\":7000000,\"rows\":20,\"delayUs\":5}},\n"
        "{\"name\":\"plan\",\"ph\":\"X\",\"ts\":10,\"dur\":5,\"pid\":100,\"tid\":1,\"args\":{"
        "\"epoch\":2}},\n"
        "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":100,\"tid\":2,\"args\":{\"name\":\"sl-"
        "writer\"}},\n"
        "{\"name\":\"seal\",\"ph\":\"X\",\"ts\":20,\"dur\":1,\"pid\":100,\"tid\":2,\"args\":{"
        "\"group\":4,\"epoch\":1,\"rows\":6}},\n"
        "{\"name\":\"log "
        "sync\",\"ph\":\"X\",\"ts\":21,\"dur\":2,\"pid\":100,\"tid\":2,\"args\":{\"group\":4,"
        "\"epoch\":1}},\n"
        "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":100,\"tid\":3,\"args\":{\"name\":\"sl-"
        "committer\"}},\n"
        "{\"name\":\"commit\",\"ph\":\"X\",\"ts\":23,\"dur\":3,\"pid\":100,\"tid\":3,\"args\":{"
        "\"group\":4,\"epoch\":1,\"rows\":6,\"error\":\"no \xef\xbf\xbd disk\"}},\n"
        "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":100,\"tid\":4,\"args\":{\"name\":\"sl-"
        "compactor\"}},\n"
        "{\"name\":\"snapshot\",\"ph\":\"X\",\"ts\":26,\"dur\":4,\"pid\":100,\"tid\":4,\"args\":{"
        "\"group\":4,\"epoch\":1,\"bytes\":77,\"error\":\"SL_E_NO_SPACE\"}},\n"
        "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":100,\"tid\":5,\"args\":{\"name\":\"sl-"
        "wal\"}}"
        ",\n"
        "{\"name\":\"wal sync "
        "lines\",\"ph\":\"X\",\"ts\":30,\"dur\":5,\"pid\":100,\"tid\":5,\"args\":{\"bytes\":88}}\n"
        "]\n");
    assert_true(is_json(&r));
    assert_int_equal(r.said.size, 0);
    rig_reset(&r);
}

SL_TEST(trace_opens_in_viewers_whenever_the_process_dies, "")
{
    rig r;
    assert_int_equal(rig_open(&r, NULL, SLI_TRACE_MAX_BYTES, NULL), SL_OK);
    assert_true(is_json(&r));
    for (int64_t epoch = 1; epoch <= 50; epoch++) {
        for (int32_t task = 0; task < epoch * 10; task++) {
            emit_task(&r, task % 7, epoch);
        }
        emit_epoch(&r, epoch);
        assert_true(is_json(&r));
    }
    sli_world_kill(r.env);
    emit_epoch(&r, 51);
    sli_trace_close(r.trace);
    r.trace = NULL;
    assert_true(is_json(&r));
    assert_null(strstr(r.text.data, "\"epoch\":51"));
    assert_non_null(strstr(r.text.data, "\"name\":\"epoch\",\"ph\":\"X\",\"ts\":50010"));
    assert_int_equal(r.said.size, 0); // a dead process says nothing
    rig_reset(&r);
}

SL_TEST(trace_has_a_largest_size_and_says_so, "")
{
    enum { LIMIT = 5000 };
    rig r;
    assert_int_equal(rig_open(&r, NULL, LIMIT, NULL), SL_OK);
    for (int64_t epoch = 1; epoch <= 100; epoch++) {
        emit_task(&r, 0, epoch);
        emit_epoch(&r, epoch);
    }
    assert_true(is_json(&r));
    assert_in_range(strlen(r.text.data), LIMIT / 2, LIMIT);
    assert_non_null(strstr(r.text.data, "{\"name\":\"the trace ends: its largest size\","
                                        "\"ph\":\"i\",\"s\":\"g\",\"ts\":"));
    SL_CHECK_TEXT(r.said.data, "warn  trace: /run.json ends here, the job goes on: it has its "
                               "largest size\n");
    sli_trace_close(r.trace);
    r.trace = NULL;
    assert_true(is_json(&r));
    rig_reset(&r);
}

SL_TEST(trace_ends_with_one_warning_when_the_disk_is_full, "")
{
    for (int64_t room = 0; room < 3000; room += 100) {
        rig r;
        assert_int_equal(rig_open(&r, NULL, SLI_TRACE_MAX_BYTES, NULL), SL_OK);
        emit_epoch(&r, 1);
        sli_world_disk_limit(r.world, 300 + room);
        for (int64_t epoch = 2; epoch <= 40; epoch++) {
            emit_task(&r, 0, epoch);
            emit_epoch(&r, epoch);
        }
        sli_world_disk_limit(r.world, 0); // there is room again: the trace has ended all the same
        emit_epoch(&r, 41);
        sli_trace_close(r.trace);
        r.trace = NULL;
        assert_true(is_json(&r));
        assert_null(strstr(r.text.data, "\"epoch\":41"));
        assert_non_null(strstr(r.said.data, "warn  trace: /run.json ends here, the job goes on: "));
        assert_ptr_equal(strchr(r.said.data, '\n'), r.said.data + r.said.size - 1);
        rig_reset(&r);
    }
}

SL_TEST(trace_that_cant_be_opened_is_refused, "")
{
    rig r;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(rig_open(&r, NULL, SLI_TRACE_MAX_BYTES, NULL), SL_OK);
    sli_trace *other = NULL;
    assert_int_equal(sli_trace_open(&other, r.metrics, r.log, "/no/such/dir/run.json", 1000, &err),
                     SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "trace: "));
    assert_non_null(strstr(err.text, "/no/such/dir/run.json"));
    assert_null(other);
    rig_reset(&r);
}

SL_TEST(trace_says_how_many_events_it_lacks, "")
{
    rig r;
    assert_int_equal(rig_open(&r, NULL, SLI_TRACE_MAX_BYTES, NULL), SL_OK);
    for (int64_t i = 0; i < SLI_METRICS_MAX_EVENTS + 3; i++) {
        emit_task(&r, 0, 1);
    }
    sli_trace_close(r.trace);
    r.trace = NULL;
    SL_CHECK_TEXT(r.said.data, "warn  trace: /run.json lacks 3 events: too many at once\n");
    assert_true(is_json(&r));
    rig_reset(&r);
}

/// Whichever call fails or is the last, what is in the file can be read.
SL_TEST(trace_survives_a_fault_at_every_call, "")
{
    bool reached = true;
    for (int64_t at = 1; reached; at++) {
        for (int crash = 0; crash < 2; crash++) {
            rig r;
            sli_fault fault = {.crash_at_call = crash ? at : 0, .fail_at_call = crash ? 0 : at};
            sl_code rc = rig_open(&r, &fault, SLI_TRACE_MAX_BYTES, NULL);
            for (int64_t epoch = 1; rc == SL_OK && epoch <= 3; epoch++) {
                emit_task(&r, 0, epoch);
                emit_epoch(&r, epoch);
            }
            sli_trace_close(r.trace);
            r.trace = NULL;
            reached = sli_world_fault_reached(r.env);
            assert_true(rc != SL_OK || crash || is_json(&r));
            rig_reset(&r);
        }
    }
}

SL_TEST(trace_survives_every_failed_allocation, "")
{
    bool reached = true;
    for (int64_t nth = 1; reached; nth++) {
        rig r;
        assert_int_equal(rig_open(&r, NULL, SLI_TRACE_MAX_BYTES, NULL), SL_OK);
        sli_trace_close(r.trace);
        r.trace = NULL;
        sli_metrics_free(r.metrics);
        assert_int_equal(sli_metrics_new(&r.metrics, r.env, NULL), SL_OK);
        sli_mem_fail_nth(nth);
        sl_code rc = sli_trace_open(&r.trace, r.metrics, r.log, path, SLI_TRACE_MAX_BYTES, NULL);
        for (int64_t epoch = 1; rc == SL_OK && epoch <= 3; epoch++) {
            emit_task(&r, 0, epoch);
            emit_epoch(&r, epoch);
        }
        sli_trace_close(r.trace);
        reached = sli_mem_count() >= nth;
        sli_mem_fail_nth(0);
        r.trace = NULL;
        assert_true(rc != SL_OK || is_json(&r));
        rig_reset(&r);
    }
}
