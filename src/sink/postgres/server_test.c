// The PostgreSQL sink on a real server (`make test-postgres`): truth is what psql shows.
#include "sink/fixture_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "life.h"
#include "pgserver.h"
#include "sink/postgres/psink_int.h"

/// A table in a schema of its own, which has the marks too, and a job that writes to it.
typedef struct place {
    char table[80], url[512];
    slt_kind kind;
    sl_env *env;
    slt_log log;
    slt_job job;
    sl_error err;
} place;

static void place_init(place *p, const char *name, const char *options)
{
    *p = (place){.err = SL_ERROR_INIT};
    char sql[160];
    (void)snprintf(p->table, sizeof p->table, "s%d_%s.counts", (int)getpid(), name);
    (void)snprintf(sql, sizeof sql, "CREATE SCHEMA s%d_%s AUTHORIZATION sluice", (int)getpid(),
                   name);
    free(slt_postgres_ask(sql));
    (void)snprintf(p->url, sizeof p->url,
                   "postgres://sluice@127.0.0.1:%d/sluice/%s?password=file:%s/password%s",
                   slt_postgres_port(), p->table, slt_postgres_dir(), options);
    p->kind = (slt_kind){.name = "server", .url = p->url, .fences = true, .remote = true};
    assert_int_equal(sli_env_posix(&p->env, NULL), SL_OK);
    slt_job_init(&p->job, &p->kind, p->env, &p->log, 1);
}

static void place_reset(place *p)
{
    slt_job_reset(&p->job);
    sli_env_free(p->env);
}

static void works(place *p, sl_code rc)
{
    if (rc != SL_OK) {
        fail_msg("%s: %s", sl_code_name(rc), p->err.text);
    }
}

/// Compares the table with so many groups.
static void shows(const place *p, int64_t groups)
{
    char sql[256], *expected = slt_expected(&slt_postgres, "", groups);
    (void)snprintf(sql, sizeof sql, "SELECT word || ',' || n FROM %s ORDER BY ctid", p->table);
    char *shown = slt_postgres_ask(sql);
    SL_CHECK_TEXT(shown, expected);
    free(shown);
    sl_free(expected);
}

/// Whatever hurts it, the engine calls again.
static void insist(place *p, int64_t group)
{
    sl_code rc = SL_E_TIMEOUT;
    for (int32_t i = 0; i < 20 && rc == SL_E_TIMEOUT; i++) {
        rc = slt_commit(&p->job, group, &p->err);
    }
    works(p, rc);
    p->log.sealed = group;
}

SL_TEST(pg_sink_groups_are_there_once_and_late_drivers_are_refused_postgres, "")
{
    place p;
    slt_job newer;
    place_init(&p, "once", "");
    works(&p, slt_open(&p.job, &p.err));
    assert_int_equal(p.job.said, 0);
    insist(&p, 1);
    insist(&p, 2);
    insist(&p, 2);
    slt_job_init(&newer, &p.kind, p.env, &p.log, 2);
    works(&p, slt_open(&newer, &p.err));
    assert_int_equal(newer.said, 2);
    assert_int_equal(slt_commit(&p.job, 3, &p.err), SL_E_SUPERSEDED);
    works(&p, slt_commit(&newer, 2, &p.err));
    works(&p, slt_commit(&newer, 3, &p.err));
    slt_job_reset(&newer);
    shows(&p, 3);
    place_reset(&p);
}

// ---------------------------------------------------------------- a server that dies

enum { COMMIT = 6 }; ///< the call of a commit that is COMMIT

static struct hurt {
    const sli_pg_ops *real;
    int32_t at, n; ///< the call that is hurt, and calls so far
    bool after;    ///< the call was done, and its answer is lost
} hurt;

/// Kills the server before, or after, the call that is its turn.
static bool strike(bool after)
{
    hurt.n += after ? 0 : 1;
    if (hurt.n != hurt.at || hurt.after != after) {
        return false;
    }
    slt_postgres_command("kill");
    slt_postgres_command("restart");
    return true;
}

static sl_code lost(sl_code rc, sl_error *err)
{
    return strike(true) ? sl_error_set(err, SL_E_TIMEOUT, "the answer was lost") : rc;
}

static sl_code hurt_begin(sli_pg *pg, const sli_pg_owner *owner, int64_t deadline_us,
                          sli_pg_mark *out, sl_error *err)
{
    (void)strike(false);
    return lost(hurt.real->begin(pg, owner, deadline_us, out, err), err);
}

static sl_code hurt_copy(sli_pg *pg, const sli_pg_target *target, int64_t deadline_us,
                         sl_error *err)
{
    (void)strike(false);
    return lost(hurt.real->copy(pg, target, deadline_us, err), err);
}

static sl_code hurt_put(sli_pg *pg, const char *data, size_t size, int64_t deadline_us,
                        sl_error *err)
{
    (void)strike(false);
    return lost(hurt.real->put(pg, data, size, deadline_us, err), err);
}

static sl_code hurt_copied(sli_pg *pg, int64_t deadline_us, sl_error *err)
{
    (void)strike(false);
    return lost(hurt.real->copied(pg, deadline_us, err), err);
}

static sl_code hurt_mark(sli_pg *pg, const sli_pg_owner *owner, const sli_pg_mark *mark,
                         int64_t deadline_us, sl_error *err)
{
    (void)strike(false);
    return lost(hurt.real->mark(pg, owner, mark, deadline_us, err), err);
}

static sl_code hurt_commit(sli_pg *pg, int64_t deadline_us, sli_pg_outcome *outcome, sl_error *err)
{
    (void)strike(false);
    sl_code rc = hurt.real->commit(pg, deadline_us, outcome, err);
    *outcome = strike(true) ? SLI_PG_UNKNOWN : *outcome;
    return rc;
}

SL_TEST(pg_sink_server_killed_in_each_phase_loses_nothing_and_doubles_nothing_postgres, "")
{
    place p;
    place_init(&p, "killed", "&timeout=20s");
    works(&p, slt_open(&p.job, &p.err));
    psink *self = (psink *)p.job.sink;
    sli_pg_ops ops = *self->client;
    hurt.real = self->client;
    ops.begin = hurt_begin;
    ops.copy = hurt_copy;
    ops.put = hurt_put;
    ops.copied = hurt_copied;
    ops.mark = hurt_mark;
    ops.commit = hurt_commit;
    int64_t group = 0;
    for (int32_t at = 1; at <= COMMIT; at++) {
        for (int32_t after = 0; after < 2; after++) {
            if (!slt_is_soak() && at < COMMIT && after == at % 2) {
                continue; // a server takes seconds to be there again
            }
            hurt = (struct hurt){.real = hurt.real, .at = at, .after = after == 1};
            sli_psink_hang_up(self);
            self->client = &ops;
            insist(&p, ++group);
            assert_true(hurt.n >= at);
            shows(&p, group);
        }
    }
    place_reset(&p);
}

// ---------------------------------------------------------------- a process that dies

/// As slt_run, on a log that outlives the process.
static sl_code run(slt_job *job, sl_error *err)
{
    SL_TRY(slt_open(job, err));
    for (int64_t g = job->said + 1; g <= SLT_GROUPS; g++) {
        job->log->sealed = g;
        SL_TRY(slt_commit(job, g, err));
    }
    return SL_OK;
}

/// A life in a process of its own, which ends at a call as by SIGKILL. False: it ran to its end.
static bool live(const place *p, slt_log *log, int64_t generation, const char *fault)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sl_error err = SL_ERROR_INIT;
        sl_env *env = NULL;
        slt_job job;
        sl_code rc = sli_env_posix(&env, NULL);
        rc = rc == SL_OK && fault != NULL ? sli_env_fault(env, fault, &err) : rc;
        slt_job_init(&job, &p->kind, env, log, generation);
        rc = rc == SL_OK ? run(&job, &err) : rc;
        (void)fprintf(stderr, "%s", rc == SL_OK ? "" : err.text);
        _exit(rc == SL_OK ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 1);
    return WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
}

SL_TEST(pg_sink_process_killed_at_every_call_loses_nothing_and_doubles_nothing_postgres, "")
{
    static const char *const sites[] = {"ask", "begin", "copy", "mark", "commit"};
    slt_log *log =
        mmap(NULL, sizeof *log, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(log != MAP_FAILED);
    int32_t deaths = 0;
    for (int32_t i = 0; i < 5; i++) {
        bool reached = true;
        for (int32_t n = 1; reached; n++) {
            char fault[64], name[32];
            place p;
            (void)snprintf(name, sizeof name, "dies_%d_%d", i, n);
            (void)snprintf(fault, sizeof fault, "postgres.%s:%d:crash", sites[i], n);
            place_init(&p, name, "");
            *log = (slt_log){0};
            reached = live(&p, log, 1, fault);
            deaths += reached;
            assert_false(live(&p, log, 2, NULL));
            shows(&p, SLT_GROUPS);
            place_reset(&p);
        }
    }
    assert_true(deaths > 20);
    (void)munmap(log, sizeof *log);
}

// ---------------------------------------------------------------- what is told

static void is_told(const char *name, const char *options, const char *sql, sl_code code,
                    const char *words)
{
    place p;
    char text[512];
    place_init(&p, name, options);
    if (sql != NULL) {
        (void)snprintf(text, sizeof text, "SET ROLE sluice; CREATE TABLE %s (%s)", p.table, sql);
        free(slt_postgres_ask(text));
    }
    sl_code rc = slt_open(&p.job, &p.err);
    if (rc != code || strstr(p.err.text, words) == NULL) {
        fail_msg("%s: %s is not %s with '%s': %s", name, sl_code_name(rc), sl_code_name(code),
                 words, p.err.text);
    }
    assert_null(strstr(p.err.text, "sluice-pw"));
    place_reset(&p);
}

SL_TEST(pg_sink_says_at_the_start_what_does_not_fit_postgres, "")
{
    is_told("none", "&create=false", NULL, SL_E_NOT_FOUND, "there is no table");
    is_told("lacks", "", "word text", SL_E_INVALID, "ADD COLUMN \"n\" bigint");
    is_told("other", "", "word text, n boolean", SL_E_INVALID, "declared boolean");
    is_told("more", "", "word text, n bigint, x int NOT NULL", SL_E_INVALID, "has no default");
    is_told("nokey", "&mode=upsert&key=word", "word text, n bigint", SL_E_INVALID, "42P10");
    is_told("fits", "", "n numeric, y int DEFAULT 1, word varchar(9)", SL_OK, "");
}

SL_TEST(pg_sink_says_who_is_refused_postgres, "")
{
    char ca[600], good[600];
    (void)snprintf(ca, sizeof ca, "&sslmode=verify-ca&postgres.sslrootcert=%s/other-ca.pem",
                   slt_postgres_dir());
    (void)snprintf(good, sizeof good, "&sslmode=verify-ca&postgres.sslrootcert=%s/ca.pem",
                   slt_postgres_dir());
    is_told("ca", ca, NULL, SL_E_CONFIG, "certificate verify failed");
    is_told("tls", good, NULL, SL_OK, "");
    is_told("mode", "&postgres.sslmod=require", NULL, SL_E_CONFIG, "did you mean postgres.sslmode");
    is_told("twice", "&postgres.host=x", NULL, SL_E_CONFIG, "given already");
}

/// A group is committed while each row runs `body` in a trigger, then without it.
static void hindered(place *p, const char *body, sl_code code, const char *words)
{
    char sql[640];
    works(p, slt_open(&p->job, &p->err));
    (void)snprintf(
        sql, sizeof sql,
        "CREATE OR REPLACE FUNCTION hinder() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN "
        "%s; RETURN NEW; END'; CREATE TRIGGER t BEFORE INSERT ON %s FOR EACH ROW EXECUTE "
        "FUNCTION hinder(); ALTER ROLE sluice SET statement_timeout TO '100ms'",
        body, p->table);
    free(slt_postgres_ask(sql));
    sli_psink_hang_up((psink *)p->job.sink);
    sl_code rc = slt_commit(&p->job, 1, &p->err);
    (void)snprintf(sql, sizeof sql, "ALTER ROLE sluice RESET ALL; DROP TRIGGER t ON %s", p->table);
    free(slt_postgres_ask(sql));
    assert_int_equal(rc, code);
    if (strstr(p->err.text, words) == NULL) {
        fail_msg("'%s' is not in: %s", words, p->err.text);
    }
}

SL_TEST(pg_sink_waits_for_statements_that_time_out_postgres, "")
{
    place p;
    place_init(&p, "slow", "");
    hindered(&p, "PERFORM pg_sleep(2)", SL_E_TIMEOUT, "57014");
    assert_int_equal(sl_error_action(&p.err), SL_ACT_RETRY_TASK);
    insist(&p, 1);
    shows(&p, 1);
    place_reset(&p);
}

// As a server says it that has no room left.
SL_TEST(pg_sink_waits_for_room_on_the_servers_disk_postgres, "")
{
    place p;
    place_init(&p, "full", "");
    hindered(&p, "RAISE ''no room'' USING ERRCODE = ''53100''", SL_E_NO_SPACE, "no room");
    assert_int_equal(sl_error_action(&p.err), SL_ACT_RETRY_TASK);
    insist(&p, 1);
    shows(&p, 1);
    place_reset(&p);
}

/// Starts another server, whose tables are on a disk of 8 MiB that nobody else sees; its directory.
static const char *server_on_small_disk(void)
{
    char command[2048];
    const char *dir = slt_in_dir(slt_temp_dir(), "pg");
    if (geteuid() != 0 || system("unshare -m true 2>/dev/null") != 0) {
        slt_not_here("no mount namespace of its own: root makes one");
    }
    assert_int_equal(chmod(slt_temp_dir(), 0755), 0); // the server is another user
    (void)snprintf(
        command, sizeof command,
        "unshare -m sh -ec 'mkdir -p %s/small; mount -t tmpfs -o size=8m small %s/small; "
        "exec %s/tools/postgres start %s' >%s.log 2>&1",
        dir, dir, SLT_SOURCE_DIR, dir, dir);
    if (system(command) != 0) {
        fail_msg("no server: see %s.log", dir);
    }
    assert_int_equal(setenv("SLUICE_TEST_POSTGRES", dir, 1), 0);
    (void)snprintf(command, sizeof command, "CREATE TABLESPACE small LOCATION '%s/small'", dir);
    free(slt_postgres_ask(command));
    free(slt_postgres_ask("GRANT CREATE ON TABLESPACE small TO sluice; ALTER ROLE sluice SET "
                          "default_tablespace TO 'small'"));
    return dir;
}

/// Runs a command where the server does.
static void beside_server(const char *command, const char *dir)
{
    char sql[1024];
    (void)snprintf(sql, sizeof sql, "COPY (SELECT 1) TO PROGRAM '%s %s/small/ballast; true'",
                   command, dir);
    free(slt_postgres_ask(sql));
}

SL_TEST(pg_sink_goes_on_when_a_full_disk_has_room_again_postgres, "")
{
    place p;
    char shared[512];
    (void)snprintf(shared, sizeof shared, "%s", slt_postgres_dir());
    const char *dir = server_on_small_disk();
    place_init(&p, "small", "");
    works(&p, slt_open(&p.job, &p.err));
    beside_server("head -c 1G /dev/zero >", dir);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(slt_commit(&p.job, 1, &p.err), SL_E_NO_SPACE);
        assert_int_equal(sl_error_action(&p.err), SL_ACT_RETRY_TASK);
        assert_non_null(strstr(p.err.text, "No space left on device"));
    }
    beside_server("rm", dir);
    for (int64_t group = 1; group <= 3; group++) {
        insist(&p, group);
    }
    shows(&p, 3);
    place_reset(&p);
    slt_postgres_command("stop");
    assert_int_equal(setenv("SLUICE_TEST_POSTGRES", shared, 1), 0);
}

SL_TEST(pg_sink_stops_at_rows_that_the_server_refuses_postgres, "")
{
    place p;
    place_init(&p, "check", "");
    hindered(&p, "RAISE ''not this one'' USING ERRCODE = ''23514''", SL_E_DATA,
             "COPY counts, line 1");
    assert_int_equal(sl_error_action(&p.err), SL_ACT_STOP_JOB);
    shows(&p, 0);
    insist(&p, 1);
    place_reset(&p);
}

SL_TEST(pg_sink_upsert_keeps_running_counts_postgres, "")
{
    place p;
    char sql[256];
    place_init(&p, "upsert", "&mode=upsert&key=word");
    works(&p, slt_open(&p.job, &p.err));
    insist(&p, 1);
    (void)snprintf(sql, sizeof sql,
                   "UPDATE %s SET n = 0; UPDATE %.*s.sluice_marks SET \\\"group\\\" = 0", p.table,
                   (int)strcspn(p.table, "."), p.table);
    free(slt_postgres_ask(sql));
    insist(&p, 1); // as rows of a later group with the same keys
    (void)snprintf(sql, sizeof sql, "SELECT count(*) || ' ' || min(n) FROM %s", p.table);
    char *shown = slt_postgres_ask(sql);
    SL_CHECK_TEXT(shown, "8 100\n");
    free(shown);
    place_reset(&p);
}
