// The module http_curl: libcurl behind http.h.
//
// A call has a *lane*: an easy handle that lives in a multi handle of its own, whose connections
// stay for the next call. Lanes that no call has wait in the client's list, so any number of
// threads may call at once and none waits for another. A lane is driven by the thread of its call
// alone, and only while it is inside `begin` or `read`: what comes meanwhile waits in the kernel.
//
//     socket -> libcurl -> take() -> the reader's memory, and what does not fit there: `held`
//                                    (when that is full: paused)
//
// Nothing of libsluice is called from here (env/module.h).
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env/module.h"
#include "http/http.h"

enum { PIECE = 256 << 10, HELD = 2 * PIECE };

typedef struct lane {
    struct lane *next;
    CURLM *multi;
    CURL *easy;
} lane;

struct sli_http {
    sl_env *env;
    int64_t (*mono_us)(sl_env *env);
    char *user, *password, *ca, *cert, *key, *key_password;
    bool negotiate;
    int64_t connect_us, stall_us;
    const _Atomic int64_t *end_us; ///< of every wait; NULL: none
    pthread_mutex_t lock;          ///< of `idle`
    lane *idle;
};

struct sli_http_call {
    sli_http *self;
    lane *lane;
    struct curl_slist *headers;
    bool answered, done;
    CURLcode result; ///< once done
    char *out;       ///< where the reader wants bytes; NULL: nobody reads
    size_t room;
    char *held; ///< bytes that came and found no room: [at, end)
    size_t at, end;
    int64_t heard_us; ///< when something came last
    char why[CURL_ERROR_SIZE];
    char no_ticket[160]; ///< what Kerberos said when it had none for this server; ""
};

// ---------------------------------------------------------------- failures

static sl_code fail(sl_error *err, sl_code code, const char *why)
{
    if (err != NULL) {
        *err = (sl_error){.code = code};
        (void)snprintf(err->text, sizeof err->text, "http: %s", why);
    }
    return code;
}

static sl_code nomem(sl_error *err)
{
    return fail(err, SL_E_NOMEM, "no memory");
}

static sl_code code_of(CURLcode result)
{
    switch (result) {
    case CURLE_OUT_OF_MEMORY:
        return SL_E_NOMEM;
    case CURLE_OPERATION_TIMEDOUT:
        return SL_E_TIMEOUT;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_LOGIN_DENIED:
        return SL_E_CONFIG;
    default:
        return SL_E_IO;
    }
}

/// A server that does not take our certificate says so by an alert, which since TLS 1.3 comes
/// behind the handshake and is to libcurl a connection that broke.
static bool is_certificate_refused(const char *why)
{
    const char *alert = strstr(why, "alert");
    return alert != NULL &&
           (strstr(alert, "certificate") != NULL || strstr(alert, "unknown ca") != NULL);
}

static sl_code fail_of(const sli_http_call *call, sl_error *err)
{
    sl_code code = is_certificate_refused(call->why) ? SL_E_CONFIG : code_of(call->result);
    return fail(err, code, call->why[0] != '\0' ? call->why : curl_easy_strerror(call->result));
}

// ---------------------------------------------------------------- lanes

static void lane_free(lane *l)
{
    curl_easy_cleanup(l->easy);
    (void)curl_multi_cleanup(l->multi);
    free(l);
}

static lane *lane_new(void)
{
    lane *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return NULL;
    }
    l->easy = curl_easy_init();
    l->multi = curl_multi_init();
    if (l->easy == NULL || l->multi == NULL) {
        lane_free(l);
        return NULL;
    }
    return l;
}

static lane *lane_take(sli_http *self)
{
    (void)pthread_mutex_lock(&self->lock);
    lane *l = self->idle;
    if (l != NULL) {
        self->idle = l->next;
    }
    (void)pthread_mutex_unlock(&self->lock);
    return l != NULL ? l : lane_new();
}

static void lane_give(sli_http *self, lane *l)
{
    curl_easy_reset(l->easy); // keeps connections and TLS sessions
    (void)pthread_mutex_lock(&self->lock);
    l->next = self->idle;
    self->idle = l;
    (void)pthread_mutex_unlock(&self->lock);
}

// ---------------------------------------------------------------- a client

static pthread_once_t global_once = PTHREAD_ONCE_INIT;

static void global_init(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static sl_code check_able(const sli_http_conf *conf, sl_error *err)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    if (conf->negotiate && (info->features & CURL_VERSION_SPNEGO) == 0) {
        return fail(err, SL_E_UNSUPPORTED, "this libcurl was built without SPNEGO (GSS-API)");
    }
    return SL_OK;
}

/// A copy, or NULL for NULL. *failed stays as it is unless there was no memory.
static char *copy(const char *text, bool *failed)
{
    char *own = text == NULL ? NULL : strdup(text);
    *failed = *failed || (text != NULL && own == NULL);
    return own;
}

static void wipe(char *secret)
{
    if (secret != NULL) {
        explicit_bzero(secret, strlen(secret));
        free(secret);
    }
}

static void http_close(sli_http *self)
{
    if (self == NULL) {
        return;
    }
    for (lane *l = self->idle, *next; l != NULL; l = next) {
        next = l->next;
        lane_free(l);
    }
    (void)pthread_mutex_destroy(&self->lock);
    free(self->user);
    wipe(self->password);
    free(self->ca);
    free(self->cert);
    free(self->key);
    wipe(self->key_password);
    free(self);
}

static sl_code http_open(sli_http **out, const sli_http_conf *conf, sl_error *err)
{
    (void)pthread_once(&global_once, global_init);
    sl_code rc = check_able(conf, err);
    if (rc != SL_OK) {
        return rc;
    }
    sli_http *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return nomem(err);
    }
    bool failed = pthread_mutex_init(&self->lock, NULL) != 0;
    self->env = conf->env;
    self->mono_us = conf->mono_us;
    self->negotiate = conf->negotiate;
    self->connect_us = conf->connect_us;
    self->stall_us = conf->stall_us;
    self->end_us = conf->end_us;
    self->user = copy(conf->user, &failed);
    self->password = copy(conf->password, &failed);
    self->ca = copy(conf->ca, &failed);
    self->cert = copy(conf->cert, &failed);
    self->key = copy(conf->key, &failed);
    self->key_password = copy(conf->key_password, &failed);
    if (failed) {
        http_close(self);
        return nomem(err);
    }
    *out = self;
    return SL_OK;
}

// ---------------------------------------------------------------- what comes

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/// libcurl has bytes of the body.
static size_t take(char *data, size_t one, size_t n, void *ctx)
{
    sli_http_call *call = ctx;
    size_t size = one * n, direct = least(size, call->room);
    call->answered = true;
    call->heard_us = call->self->mono_us(call->self->env);
    if (call->end > call->at ? size > HELD - call->end : size - direct > HELD) {
        return CURL_WRITEFUNC_PAUSE; // it comes again, whole
    }
    if (call->end > call->at) { // what waits comes first
        direct = 0;
    } else {
        call->at = call->end = 0;
    }
    if (size > direct && call->held == NULL && (call->held = malloc(HELD)) == NULL) {
        return CURL_WRITEFUNC_ERROR;
    }
    if (direct > 0) {
        memcpy(call->out, data, direct);
        call->out += direct;
        call->room -= direct;
    }
    if (size > direct) {
        memcpy(call->held + call->end, data + direct, size - direct);
        call->end += size - direct;
    }
    return size;
}

/// When no call waits any more. It may come nearer at any time.
static int64_t end_of(const sli_http *self)
{
    // Relaxed: the time alone is told.
    return self->end_us == NULL ? SLI_FOREVER
                                : atomic_load_explicit(self->end_us, memory_order_relaxed);
}

static void drain(sli_http_call *call)
{
    size_t n = least(call->end - call->at, call->room);
    if (n > 0) {
        memcpy(call->out, call->held + call->at, n);
        call->out += n;
        call->room -= n;
        call->at += n;
    }
}

/// One turn of the wheel: moves what can be moved, waits when nothing can.
static sl_code turn(sli_http_call *call, int64_t until_us, sl_error *err)
{
    int running = 0, left = 0;
    CURLMcode bad = curl_multi_perform(call->lane->multi, &running);
    for (CURLMsg *m; (m = curl_multi_info_read(call->lane->multi, &left)) != NULL;) {
        if (m->msg == CURLMSG_DONE) {
            call->done = true;
            call->result = m->data.result;
        }
    }
    bool moved = call->done || (call->out != NULL ? call->room == 0 : call->answered);
    if (bad != CURLM_OK || moved) {
        return bad == CURLM_OK ? SL_OK : fail(err, SL_E_IO, curl_multi_strerror(bad));
    }
    int64_t end_us = end_of(call->self);
    until_us = end_us < until_us ? end_us : until_us;
    int64_t left_us = until_us - call->self->mono_us(call->self->env);
    if (left_us <= 0) {
        return fail(err, SL_E_TIMEOUT, "no answer in time");
    }
    int64_t left_ms = left_us / 1000 + 1;
    (void)curl_multi_poll(call->lane->multi, NULL, 0, left_ms < 1000 ? (int)left_ms : 1000, NULL);
    return SL_OK;
}

// ---------------------------------------------------------------- a call

static void http_end(sli_http_call **at)
{
    sli_http_call *call = *at;
    *at = NULL;
    if (call == NULL) {
        return;
    }
    (void)curl_multi_remove_handle(call->lane->multi, call->lane->easy);
    lane_give(call->self, call->lane);
    curl_slist_free_all(call->headers);
    free(call->held);
    free(call);
}

static bool add_header(sli_http_call *call, const char *header)
{
    struct curl_slist *longer = curl_slist_append(call->headers, header);
    call->headers = longer != NULL ? longer : call->headers;
    return longer != NULL;
}

static bool set_headers(sli_http_call *call, const sli_http_request *request)
{
    bool fine = add_header(call, "Expect:"); // a body is sent at once, without asking for leave
    for (int32_t i = 0; fine && i < request->n_headers; i++) {
        fine = add_header(call, request->headers[i]);
    }
    return fine &&
           curl_easy_setopt(call->lane->easy, CURLOPT_HTTPHEADER, call->headers) == CURLE_OK;
}

/// Without a ticket libcurl asks all the same, as nobody, and tells why in its log alone.
static int note_log(CURL *easy, curl_infotype type, char *text, size_t size, void *ctx)
{
    static const char failed[] = "gss_init_sec_context() failed: ";
    sli_http_call *call = ctx;
    (void)easy;
    if (type == CURLINFO_TEXT && size > sizeof failed &&
        memcmp(text, failed, sizeof failed - 1) == 0) {
        size_t n = size - (sizeof failed - 1);
        n -= text[size - 1] == '\n' ? 1 : 0;
        (void)snprintf(call->no_ticket, sizeof call->no_ticket, "%.*s", (int)n,
                       text + sizeof failed - 1);
    }
    return 0;
}

static bool set_ticket(CURL *easy, sli_http_call *call)
{
    return curl_easy_setopt(easy, CURLOPT_USERPWD, ":") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_NEGOTIATE) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, note_log) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_DEBUGDATA, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L) == CURLE_OK;
}

static bool set_password(CURL *easy, const sli_http *self)
{
    return curl_easy_setopt(easy, CURLOPT_USERNAME, self->user) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PASSWORD, self->password) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) == CURLE_OK;
}

static bool set_who(CURL *easy, sli_http_call *call)
{
    const sli_http *self = call->self;
    return self->negotiate ? set_ticket(easy, call)
                           : self->user == NULL || set_password(easy, self);
}

static bool set_trust(CURL *easy, const sli_http *self)
{
    return (self->ca == NULL || curl_easy_setopt(easy, CURLOPT_CAINFO, self->ca) == CURLE_OK) &&
           (self->cert == NULL ||
            curl_easy_setopt(easy, CURLOPT_SSLCERT, self->cert) == CURLE_OK) &&
           (self->key == NULL || curl_easy_setopt(easy, CURLOPT_SSLKEY, self->key) == CURLE_OK) &&
           (self->key_password == NULL ||
            curl_easy_setopt(easy, CURLOPT_KEYPASSWD, self->key_password) == CURLE_OK);
}

/// The body goes out from the caller's memory: `begin` does not return before it was sent.
static bool set_what(CURL *easy, const sli_http_request *request)
{
    bool fine = curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK;
    if (request->has_body) {
        const char *data = request->body.size > 0 ? request->body.data : "";
        fine = fine && curl_easy_setopt(easy, CURLOPT_POSTFIELDS, data) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                (curl_off_t)request->body.size) == CURLE_OK;
    }
    return fine && curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
}

static bool set_how(CURL *easy, sli_http_call *call)
{
    return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                            (long)(call->self->connect_us / 1000)) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)PIECE) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->why) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) == CURLE_OK;
}

static sl_code start(sli_http_call *call, const sli_http_request *request, sl_error *err)
{
    CURL *easy = call->lane->easy;
    if (!set_how(easy, call) || !set_trust(easy, call->self) ||
        !(request->anonymous || set_who(easy, call)) || !set_what(easy, request) ||
        !set_headers(call, request)) {
        return fail(err, SL_E_CONFIG, "libcurl does not take a setting, or has no memory");
    }
    CURLMcode rc = curl_multi_add_handle(call->lane->multi, easy);
    return rc == CURLM_OK ? SL_OK : fail(err, SL_E_NOMEM, curl_multi_strerror(rc));
}

/// A KDC that is away comes back; nothing else helps itself.
static sl_code fail_without_ticket(const sli_http_call *call, sl_error *err)
{
    char why[256];
    bool may_pass = strstr(call->no_ticket, "Cannot contact any KDC") != NULL;
    (void)snprintf(why, sizeof why, "no Kerberos ticket for this server: %s", call->no_ticket);
    return fail(err, may_pass ? SL_E_IO : SL_E_CONFIG, why);
}

static sl_code wait_for_head(sli_http_call *call, const sli_http_request *request,
                             sli_http_answer *answer, sl_error *err)
{
    sl_code rc = start(call, request, err);
    while (rc == SL_OK && !call->answered && !call->done) {
        rc = turn(call, request->deadline_us, err);
    }
    if (rc != SL_OK) {
        return rc;
    }
    if (call->done && call->result != CURLE_OK && !call->answered) {
        return fail_of(call, err);
    }
    long status = 0;
    char *location = NULL;
    (void)curl_easy_getinfo(call->lane->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(call->lane->easy, CURLINFO_REDIRECT_URL, &location);
    if (status == 401 && call->no_ticket[0] != '\0') {
        return fail_without_ticket(call, err);
    }
    *answer = (sli_http_answer){.status = (int32_t)status, .location = location};
    return SL_OK;
}

static sl_code http_begin(sli_http *self, const sli_http_request *request, sli_http_call **out,
                          sli_http_answer *answer, sl_error *err)
{
    sli_http_call *call = calloc(1, sizeof *call);
    if (call == NULL || (call->lane = lane_take(self)) == NULL) {
        free(call);
        return nomem(err);
    }
    call->self = self;
    sl_code rc = wait_for_head(call, request, answer, err);
    if (rc != SL_OK) {
        http_end(&call);
        return rc;
    }
    *out = call;
    return SL_OK;
}

static sl_code http_read(sli_http_call *call, void *out, size_t size, size_t *n, sl_error *err)
{
    sl_code rc = SL_OK;
    call->out = out;
    call->room = size;
    drain(call);
    if (call->room > 0 && !call->done) {
        call->heard_us = call->self->mono_us(call->self->env);
        (void)curl_easy_pause(call->lane->easy, CURLPAUSE_CONT); // what waits comes at once
    }
    while (rc == SL_OK && call->room > 0 && !call->done) {
        rc = turn(call, call->heard_us + call->self->stall_us, err);
    }
    if (rc == SL_OK && call->room > 0 && call->result != CURLE_OK) {
        rc = fail_of(call, err);
    }
    *n = rc == SL_OK ? size - call->room : *n;
    call->out = NULL;
    call->room = 0;
    return rc;
}

// ---------------------------------------------------------------- the module

static const sli_http_ops ops = {
    .struct_size = sizeof ops,
    .open = http_open,
    .close = http_close,
    .begin = http_begin,
    .read = http_read,
    .end = http_end,
};

__attribute__((visibility("default"))) const sli_module *SLI_MODULE_ENTRY(void);

const sli_module *SLI_MODULE_ENTRY(void)
{
    static const sli_module module = {
        .struct_size = sizeof module,
        .name = "http_curl",
        .needs = "libcurl " LIBCURL_VERSION,
        .abi = SLI_HTTP_ABI,
        .table = &ops,
    };
    return &module;
}
