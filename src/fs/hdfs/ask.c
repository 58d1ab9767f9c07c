/// ask.c — one question to the cluster, until it is answered.
///
///     NameNode ──2xx──► the answer
///        │──307──► DataNode ──2xx──► the answer
///        └──4xx, 5xx: {"RemoteException":...} ──► a verdict: final, or transient
///
/// What is transient is asked again: the next NameNode when one is away or on standby, another
/// DataNode when one fails, the same later in safe mode. So every question of this folder is one
/// that may be asked twice; what a repeat answers when the first was done is its caller's to know.
#include "fs/hdfs/hdfs_int.h"

#include <stdio.h>

enum {
    FIRST_WAIT_US = 20000,
    LONGEST_WAIT_US = 2000000,
};

// ---------------------------------------------------------------- patience

hdfs_patience hdfs_patience_of(const hdfs *self)
{
    int64_t now = sli_env_mono_us(self->env);
    return (hdfs_patience){.deadline_us = now + self->retry_us, .wait_us = FIRST_WAIT_US};
}

static sl_code wait_until(hdfs *self, int64_t until_us, sl_error *err)
{
    sli_signal *never = sli_signal_new(self->env);
    if (never == NULL) {
        return sl_error_nomem(err, 0, "a pause");
    }
    sl_code rc = sli_signal_wait(never, until_us, err);
    sli_signal_free(never);
    return rc == SL_E_TIMEOUT ? SL_OK : rc;
}

/// When nothing is asked any more. It may come nearer at any time.
static int64_t end_of(const hdfs *self)
{
    // Relaxed: the time alone is told.
    return self->end_us == NULL ? SLI_FOREVER
                                : atomic_load_explicit(self->end_us, memory_order_relaxed);
}

static sl_code tell_over(const hdfs *self, bool all, sl_code rc, sl_error *err)
{
    sl_code told = all ? SL_E_TIMEOUT : SL_E_IO;
    if (all) {
        (void)sl_error_wrap(err, rc, "not waited for any longer");
    } else {
        (void)sl_error_wrap(err, rc, "tried for %lld ms", (long long)(self->retry_us / 1000));
    }
    if (err != NULL) {
        err->code = told;
    }
    return told;
}

/// A wait is shorter than the time by which the end of all is announced: so it need not be ended.
sl_code hdfs_again(hdfs *self, hdfs_patience *p, sl_code rc, sl_error *err)
{
    if (rc != SL_E_IO && rc != SL_E_TIMEOUT) {
        return rc;
    }
    int64_t next = sli_env_mono_us(self->env) + p->wait_us, end = end_of(self);
    if (next >= end || next >= p->deadline_us) {
        return tell_over(self, next >= end, rc, err);
    }
    sl_error why = SL_ERROR_INIT;
    rc = wait_until(self, next, &why);
    if (rc != SL_OK && err != NULL) {
        *err = why;
    }
    p->wait_us = 2 * p->wait_us < LONGEST_WAIT_US ? 2 * p->wait_us : LONGEST_WAIT_US;
    return rc;
}

// ---------------------------------------------------------------- what a server says

/// What becomes of an exception. All that are not here are transient: SL_E_IO.
typedef struct verdict {
    const char *exception;
    sl_code code;
} verdict;

static const verdict verdicts[] = {
    {"FileNotFoundException", SL_E_NOT_FOUND},
    {"ParentNotDirectoryException", SL_E_NOT_FOUND},
    {"FileAlreadyExistsException", SL_E_EXISTS},
    {"QuotaExceededException", SL_E_NO_SPACE},
    {"NSQuotaExceededException", SL_E_NO_SPACE},
    {"DSQuotaExceededException", SL_E_NO_SPACE},
    {"QuotaByStorageTypeExceededException", SL_E_NO_SPACE},
    {"AccessControlException", SL_E_CONFIG},
    {"AuthorizationException", SL_E_CONFIG},
    {"SecurityException", SL_E_CONFIG},
    {"InvalidToken", SL_E_CONFIG},
    {"IllegalArgumentException", SL_E_INVALID},
    {"InvalidPathException", SL_E_INVALID},
    {"HadoopIllegalArgumentException", SL_E_INVALID},
    {"UnsupportedOperationException", SL_E_UNSUPPORTED},
};

/// An exception of no special name: while data moves, something is amiss with DataNodes, which may
/// pass; of a NameNode's own work it is a reason against it, since what passes has names there.
static sl_code code_of_exception(const hdfs_ask *ask, const char *exception)
{
    if (!ask->moves && strcmp(exception, "IOException") == 0) {
        return SL_E_INVALID;
    }
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        if (strcmp(exception, verdicts[i].exception) == 0) {
            return verdicts[i].code;
        }
    }
    return SL_E_IO;
}

typedef struct remote {
    char exception[96], message[320];
} remote;

static void copy_line(char *out, size_t size, sl_text text)
{
    const char *line = text.size == 0 ? NULL : memchr(text.data, '\n', text.size);
    size_t n = line == NULL ? text.size : (size_t)(line - text.data);
    (void)snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), text.data);
}

static sl_code note_member(void *ctx, int32_t depth, const char *key, sl_text value, sl_error *err)
{
    (void)err;
    remote *r = ctx;
    bool is_exception = depth == 2 && key != NULL && strcmp(key, "exception") == 0;
    bool is_message = depth == 2 && key != NULL && strcmp(key, "message") == 0;
    if (is_exception) {
        copy_line(r->exception, sizeof r->exception, value);
    } else if (is_message) {
        copy_line(r->message, sizeof r->message, value);
    }
    return SL_OK;
}

/// In a secured cluster a NameNode that can't say who asks refuses so, and has the reason in its
/// words: the token is no longer valid, or it is itself on standby, or starts.
static void unwrap(remote *r)
{
    static const char *const reasons[] = {"StandbyException", "RetriableException", "InvalidToken"};
    if (strcmp(r->exception, "SecurityException") != 0) {
        return;
    }
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (strstr(r->message, reasons[i]) != NULL) {
            (void)snprintf(r->exception, sizeof r->exception, "%s", reasons[i]);
            return;
        }
    }
}

/// Without an exception it is not the cluster that speaks: a gateway, or something else altogether.
static sl_code refuse_bare(const hdfs_ask *ask, int32_t status, sl_error *err)
{
    bool may_pass = status >= 500 || status == 408 || status == 429;
    return sl_error_set(err, may_pass ? SL_E_IO : SL_E_CONFIG,
                        "hdfs: %s %s: HTTP status %d without a reason: %s", ask->op, ask->path,
                        (int)status,
                        status == 401 ? "it wants to know who asks (negotiate, token, password)"
                                      : "is this a NameNode's HTTP port?");
}

/// Reads a refusal, fills *err and returns its code.
static sl_code refuse(const hdfs_ask *ask, sli_http_call *call, int32_t status, remote *r,
                      sl_error *err)
{
    hdfs_json json = {.each = note_member, .ctx = r};
    sl_code rc = hdfs_json_read(&json, call, err);
    hdfs_json_reset(&json);
    if (rc != SL_OK && !json.bad) { // the reason was lost on the way
        return rc;
    }
    unwrap(r);
    return r->exception[0] == '\0'
               ? refuse_bare(ask, status, err)
               : sl_error_set(err, code_of_exception(ask, r->exception), "hdfs: %s %s: %s: %s",
                              ask->op, ask->path, r->exception, r->message);
}

// ---------------------------------------------------------------- one try

/// The path as it goes into the URL: no '/' behind, and none twice.
static void add_path(sli_str *url, const char *path)
{
    sli_str_text(url, "/webhdfs/v1");
    char byte[2] = {'/', '\0'};
    for (const char *at = path; *at != '\0'; at++) {
        if (*at == '/') {
            continue;
        }
        if (at == path || at[-1] == '/') {
            sli_str_char(url, '/');
        }
        byte[0] = *at;
        sli_http_escape(url, byte, "");
    }
}

static sl_code make_url(const hdfs *self, int32_t active, const hdfs_ask *ask, const char *avoid,
                        sli_str *url, sl_error *err)
{
    sli_str_text(url, self->namenodes[active]);
    add_path(url, ask->path);
    sli_str_printf(url, "?op=%s", ask->op);
    sli_str_text(url, ask->query);
    if (self->who.size > 0) {
        sli_str_text(url, self->who.data);
    }
    if (avoid[0] != '\0') {
        sli_str_text(url, "&excludedatanodes=");
        sli_http_escape(url, avoid, "");
    }
    return sli_str_check(url, "a URL", err);
}

/// "host:port" of a URL.
static void note_host(const char *url, char *out, size_t size)
{
    const char *host = strstr(url, "://");
    host = host == NULL ? url : host + 3;
    (void)snprintf(out, size, "%.*s", (int)strcspn(host, "/?"), host);
}

/// Tickets and passwords are for those whom our settings name. A DataNode needs none: the NameNode
/// gave it, in the URL, what it has to know of us. A gateway names itself.
static bool is_namenode(const hdfs *self, const char *url)
{
    for (int32_t i = 0; i < self->n_namenodes; i++) {
        size_t n = strlen(self->namenodes[i]);
        if (strncmp(url, self->namenodes[i], n) == 0 && url[n] == '/') {
            return true;
        }
    }
    return false;
}

/// Whoever is impatient asks less often again, but waits for an answer as anybody does: a large
/// directory takes its time. Of several NameNodes each has its turn within the patience, so that
/// one that takes questions and does not answer is left in time.
static sl_code send(hdfs *self, const hdfs_ask *ask, const char *url, bool sends, int64_t until_us,
                    sli_http_call **call, sli_http_answer *answer, sl_error *err)
{
    static const char *const headers[] = {"Content-Type: application/octet-stream"};
    int64_t now = sli_env_mono_us(self->env);
    bool is_impatient = self->retry_us < self->answer_us, known = is_namenode(self, url);
    int64_t soon = now + (known ? self->turn_us : self->answer_us);
    sli_http_request request = {.method = ask->method,
                                .url = url,
                                .headers = headers,
                                .n_headers = sends ? 1 : 0,
                                .anonymous = !known,
                                .has_body = sends,
                                .body = ask->body,
                                .deadline_us = is_impatient || soon < until_us ? soon : until_us};
    sl_code rc = now >= end_of(self)
                     ? sl_error_set(err, SL_E_TIMEOUT, "not asked")
                     : sli_http_gate.begin(self->client, &request, call, answer, err);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "hdfs: %s %s", ask->op, ask->path);
}

/// The NameNode named a DataNode: asks there. `*call` was the first question, and is the second
/// then.
static sl_code follow(hdfs *self, const hdfs_ask *ask, hdfs_patience *p, sli_http_call **call,
                      sli_http_answer *answer, sl_error *err)
{
    sli_str url = {.tag = SLI_TAG_FS};
    char host[sizeof p->avoid];
    sli_str_text(&url, answer->location);
    note_host(answer->location, host, sizeof host);
    sli_http_gate.end(call);
    sl_code rc = sli_str_check(&url, "a URL", err);
    if (rc == SL_OK) {
        rc = send(self, ask, url.data, ask->sends, p->deadline_us, call, answer, err);
    }
    if (rc == SL_E_IO || rc == SL_E_TIMEOUT) {
        memcpy(p->avoid, host, sizeof host);
    }
    sli_str_reset(&url);
    return rc;
}

static void next_namenode(hdfs *self, int32_t failed)
{
    int32_t next = (failed + 1) % self->n_namenodes;
    (void)atomic_compare_exchange_strong(&self->active, &failed, next);
}

static sl_code ask_namenode(hdfs *self, const hdfs_ask *ask, hdfs_patience *p, int32_t active,
                            sli_http_call **call, sli_http_answer *answer, sl_error *err)
{
    sli_str url = {.tag = SLI_TAG_FS};
    sl_code rc = make_url(self, active, ask, p->avoid, &url, err);
    p->avoid[0] = '\0'; // once: it may be the only one, and back
    if (rc == SL_OK) {
        rc = send(self, ask, url.data, false, p->deadline_us, call, answer, err);
    }
    if (rc == SL_E_IO || rc == SL_E_TIMEOUT) {
        next_namenode(self, active);
    }
    sli_str_reset(&url);
    return rc;
}

static sl_code try_once(hdfs *self, const hdfs_ask *ask, hdfs_patience *p, sli_http_call **out,
                        sl_error *err)
{
    sli_http_call *call = NULL;
    sli_http_answer answer = {0};
    int32_t active = atomic_load(&self->active);
    sl_code rc = ask_namenode(self, ask, p, active, &call, &answer, err);
    if (rc == SL_OK && answer.status == 307 && answer.location != NULL) {
        rc = follow(self, ask, p, &call, &answer, err);
    }
    if (rc == SL_OK && answer.status / 100 != 2) {
        remote r = {0};
        rc = refuse(ask, call, answer.status, &r, err);
        if (strcmp(r.exception, "StandbyException") == 0) {
            next_namenode(self, active);
        }
    }
    if (rc != SL_OK) {
        sli_http_gate.end(&call);
        return rc;
    }
    *out = call;
    return SL_OK;
}

static sl_code give_up(const sl_error *why, sl_code rc, sl_error *err)
{
    if (err != NULL) {
        *err = *why;
    }
    return rc;
}

sl_code hdfs_begin(hdfs *self, const hdfs_ask *ask, hdfs_patience *p, sli_http_call **out,
                   sl_error *err)
{
    sl_error why = SL_ERROR_INIT;
    sl_code rc;
    while ((rc = try_once(self, ask, p, out, &why)) != SL_OK) {
        rc = hdfs_again(self, p, rc, &why);
        if (rc != SL_OK) {
            return give_up(&why, rc, err);
        }
    }
    return SL_OK;
}

sl_code hdfs_run(hdfs *self, const hdfs_ask *ask, hdfs_take_fn take, void *ctx, sl_error *err)
{
    hdfs_patience p = hdfs_patience_of(self);
    for (;;) {
        sli_http_call *call = NULL;
        sl_error why = SL_ERROR_INIT;
        SL_TRY(hdfs_begin(self, ask, &p, &call, err));
        sl_code rc = take(ctx, call, &why);
        sli_http_gate.end(&call);
        if (rc == SL_OK) {
            return SL_OK;
        }
        (void)sl_error_wrap(&why, rc, "hdfs: %s %s", ask->op, ask->path);
        rc = hdfs_again(self, &p, rc, &why);
        if (rc != SL_OK) {
            return give_up(&why, rc, err);
        }
    }
}

// ---------------------------------------------------------------- true or false

static sl_code note_bool(void *ctx, int32_t depth, const char *key, sl_text value, sl_error *err)
{
    (void)err;
    bool *out = ctx;
    if (depth == 1 && key != NULL && strcmp(key, "boolean") == 0) {
        *out = sli_text_is(value, "true");
    }
    return SL_OK;
}

static sl_code take_bool(void *ctx, sli_http_call *call, sl_error *err)
{
    bool *out = ctx;
    hdfs_json json = {.each = note_bool, .ctx = out};
    *out = true;
    sl_code rc = hdfs_json_read(&json, call, err);
    hdfs_json_reset(&json);
    return rc;
}

sl_code hdfs_run_bool(hdfs *self, const hdfs_ask *ask, bool *out, sl_error *err)
{
    return hdfs_run(self, ask, take_bool, out, err);
}
