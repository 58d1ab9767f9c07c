// A door that echoes, and people.
#include "net/fixture_test.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "net/sim/tls.h"

#if SLT_TLS
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#endif

// ---------------------------------------------------------------- echo

typedef struct echo_state {
    int64_t check; ///< the connection's id: that the state is its own
} echo_state;

static void on_open(void *ctx, sli_net_conn *conn)
{
    slt_door *d = ctx;
    echo_state *state = sli_net_state(conn);
    assert_int_equal(state->check, 0);
    state->check = sli_net_id(conn);
    d->n_open++;
}

static sl_code on_data(void *ctx, sli_net_conn *conn, const char *data, size_t size, size_t *used,
                       sl_error *err)
{
    slt_door *d = ctx;
    const uint8_t *bytes = (const uint8_t *)data;
    if (size < 4) {
        return SL_OK;
    }
    uint32_t frame =
        (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    if (frame == 0) {
        return sl_error_set(err, SL_E_DATA, "an empty frame");
    }
    if (size < 4 + (size_t)frame) {
        return sli_net_expect(conn, 4 + (uint64_t)frame, err);
    }
    d->n_frames++;
    *used = 4 + frame;
    sli_net_done(conn);
    if (d->holds) {
        assert_true(d->n_waiting < 64);
        d->waiting[d->n_waiting++] = conn;
        sli_net_hold(conn, true);
    } else {
        sli_net_send(conn, data + 4, frame);
    }
    return SL_OK;
}

static void on_closed(void *ctx, sli_net_conn *conn)
{
    slt_door *d = ctx;
    assert_int_equal(((echo_state *)sli_net_state(conn))->check, sli_net_id(conn));
    d->n_open--;
    for (int32_t i = 0; i < d->n_waiting; i++) {
        if (d->waiting[i] == conn) {
            d->waiting[i] = d->waiting[--d->n_waiting];
        }
    }
}

static const sli_net_protocol echo = {.name = "echo",
                                      .state_bytes = sizeof(echo_state),
                                      .open = on_open,
                                      .data = on_data,
                                      .closed = on_closed};

void slt_answer(slt_door *d)
{
    for (int32_t i = 0; i < d->n_waiting; i++) {
        sli_net_send(d->waiting[i], "ok", 2);
        sli_net_hold(d->waiting[i], false);
    }
    d->n_waiting = 0;
}

// ---------------------------------------------------------------- the door

static void keep_line(void *self, sli_level level, const char *module, const char *line)
{
    slt_door *d = self;
    (void)level, (void)module;
    sli_str_text(&d->told, line);
    sli_str_char(&d->told, '\n');
}

static void prepare(slt_door *d, slt_bed *b)
{
    d->bed = b;
    d->told.tag = SLI_TAG_TEST;
    if (d->loop == NULL) {
        d->loop = sli_loop_new(b->env);
        assert_non_null(d->loop);
        assert_int_equal(sli_metrics_new(&d->metrics, b->env, NULL), SL_OK);
        assert_int_equal(sli_log_new(&d->log, "info", (sli_log_sink){keep_line, d}, NULL), SL_OK);
    }
}

sl_code slt_door_try(slt_door *d, slt_bed *b, const char *query, int32_t port)
{
    static const sl_option *const tables[] = {sli_net_options, NULL};
    prepare(d, b);
    sl_conf *options = NULL;
    assert_int_equal(sl_conf_new(&options, "echo", tables, &d->err), SL_OK);
    if (query != NULL) {
        assert_int_equal(sl_conf_parse_query(options, sli_text_of(query), &d->err), SL_OK);
    }
    sli_net_conf conf = {.env = b->env,
                         .metrics = d->metrics,
                         .log = d->log,
                         .uid = "in",
                         .modules = b->world != NULL ? NULL : SLT_BUILD_DIR "/lib/sluice",
                         .protocol = &echo,
                         .ctx = d};
    sli_url url = {.scheme = sli_text_of("echo"), .port = port};
    sl_code rc = sli_net_open(&d->net, &conf, &url, options, &d->err);
    sl_conf_free(options);
    return rc == SL_OK ? sli_net_start(d->net, d->loop, &d->err) : rc;
}

void slt_door_open(slt_door *d, slt_bed *b, const char *query)
{
    if (slt_door_try(d, b, query, 0) != SL_OK) {
        fail_msg("%s", d->err.text);
    }
}

void slt_door_close(slt_door *d)
{
    sli_net_close_door(d->net);
    assert_int_equal(d->n_open, 0); // each open has its closed
    for (int32_t i = 0; i < d->n_people; i++) {
        slt_goes(&d->people[i]);
        sli_str_reset(&d->people[i].heard);
        sli_str_reset(&d->people[i].unsent);
    }
    if (d->client_side != NULL) {
        d->tls->side_free(d->client_side);
    }
    sli_metrics_free(d->metrics);
    sli_log_free(d->log);
    sli_loop_free(d->loop);
    sli_str_reset(&d->told);
}

int64_t slt_metric_of(slt_door *d, const char *series)
{
    sli_str all = {.tag = SLI_TAG_TEST};
    assert_int_equal(sli_metrics_prometheus(d->metrics, &all, NULL), SL_OK);
    const char *at = all.data == NULL ? NULL : strstr(all.data, series);
    int64_t value = 0;
    if (at != NULL) {
        const char *number = at + strlen(series);
        assert_int_equal(
            sli_scan_int64((sl_text){number + 1, strcspn(number + 1, "\n")}, &value, NULL), SL_OK);
    }
    sli_str_reset(&all);
    return value;
}

int64_t slt_closed(slt_door *d, const char *reason)
{
    char series[128];
    snprintf(series, sizeof series, "sluice_net_closed_total{source=\"in\",reason=\"%s\"}", reason);
    return slt_metric_of(d, series);
}

// ---------------------------------------------------------------- people

static void on_person(void *ctx, int32_t ready);

static void watch(slt_person *p)
{
    int32_t interest = (p->deaf ? 0 : SLI_READABLE) | (p->unsent.size > 0 ? SLI_WRITABLE : 0);
    assert_int_equal(sli_loop_watch(p->door->loop, p->socket, interest, on_person, p, NULL), SL_OK);
}

static void end_of(slt_person *p, const sl_error *why)
{
    p->gone = true;
    p->why = *why;
    sli_socket_close(&p->socket);
}

static void flush(slt_person *p)
{
    size_t n = 0;
    sl_error err = SL_ERROR_INIT;
    if (p->unsent.size == 0) {
        return;
    }
    sl_code rc = sli_socket_send(p->socket, p->unsent.data, p->unsent.size, &n, &err);
    if (rc != SL_OK) {
        end_of(p, &err);
        return;
    }
    memmove(p->unsent.data, p->unsent.data + n, p->unsent.size - n);
    p->unsent.size -= n;
}

static void take_tls(slt_person *p)
{
    char piece[4096];
    size_t n;
    while ((n = p->door->tls->take(p->tls, piece, sizeof piece)) > 0) {
        sli_str_add(&p->unsent, piece, n);
    }
}

static sl_code hear_tls(slt_person *p, const char *data, size_t size, sl_error *err)
{
    const sli_tls_ops *tls = p->door->tls;
    char plain[4096];
    size_t n = 1;
    sl_code rc = tls->put(p->tls, data, size, err);
    while (rc == SL_OK && n > 0) {
        n = 0;
        rc = tls->read(p->tls, plain, sizeof plain, &n, err);
        sli_str_add(&p->heard, plain, n);
    }
    take_tls(p);
    return rc;
}

static void on_person(void *ctx, int32_t ready)
{
    slt_person *p = ctx;
    static char piece[64 << 10];
    size_t n = 0;
    sl_error err = SL_ERROR_INIT;
    sl_code rc = SL_OK;
    if ((ready & SLI_READABLE) != 0) {
        rc = sli_socket_receive(p->socket, piece, sizeof piece, &n, &err);
        if (rc == SL_OK && p->tls != NULL) {
            rc = hear_tls(p, piece, n, &err);
        } else if (rc == SL_OK) {
            sli_str_add(&p->heard, piece, n);
        }
    }
    if (rc != SL_OK) {
        flush(p);
        end_of(p, &err);
        return;
    }
    flush(p);
    if (!p->gone) {
        watch(p);
    }
}

slt_person *slt_comes(slt_door *d)
{
    assert_true(d->n_people < SLT_PEOPLE);
    slt_person *p = &d->people[d->n_people++];
    *p = (slt_person){.door = d};
    assert_int_equal(
        sli_socket_connect(d->bed->env, "localhost", sli_net_port(d->net), &p->socket, &d->err),
        SL_OK);
    if (d->client_side != NULL) {
        assert_int_equal(d->tls->session_new(&p->tls, d->client_side, "localhost", &d->err), SL_OK);
        take_tls(p);
    }
    watch(p);
    return p;
}

void slt_says(slt_person *p, const void *data, size_t size)
{
    if (p->gone) {
        return;
    }
    if (p->tls != NULL) {
        assert_int_equal(p->door->tls->write(p->tls, data, size, NULL), SL_OK);
        take_tls(p);
    } else {
        sli_str_add(&p->unsent, data, size);
    }
    watch(p);
}

void slt_says_frame(slt_person *p, const char *text)
{
    size_t size = strlen(text);
    const uint8_t head[4] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8),
                             (uint8_t)size};
    slt_says(p, head, 4);
    slt_says(p, text, size);
}

void slt_goes(slt_person *p)
{
    sli_socket_close(&p->socket);
    if (p->tls != NULL) {
        p->door->tls->session_free(p->tls);
        p->tls = NULL;
    }
    p->gone = true;
}

// ---------------------------------------------------------------- time

void slt_turn_until(slt_door *d, bool (*done)(slt_door *d, const void *what), const void *what)
{
    int64_t until = sli_env_mono_us(d->bed->env) + 20000000;
    while (!done(d, what)) {
        int64_t now = sli_env_mono_us(d->bed->env);
        if (now >= until) {
            fail_msg("it did not happen in 20 s; the log: %s",
                     d->told.data == NULL ? "" : d->told.data);
        }
        assert_int_equal(sli_loop_run(d->loop, until, NULL), SL_OK);
    }
    assert_int_equal(sli_loop_run(d->loop, 0, NULL), SL_OK);
}

void slt_turn_for(slt_door *d, int64_t us)
{
    int64_t until = sli_env_mono_us(d->bed->env) + us;
    while (sli_env_mono_us(d->bed->env) < until) {
        assert_int_equal(sli_loop_run(d->loop, until, NULL), SL_OK);
    }
}

typedef struct hearing {
    const slt_person *person;
    const char *text;
} hearing;

static bool has_heard(slt_door *d, const void *what)
{
    const hearing *h = what;
    (void)d;
    return h->person->gone ||
           (h->person->heard.data != NULL && strcmp(h->person->heard.data, h->text) == 0);
}

void slt_hears(slt_person *p, const char *text)
{
    hearing h = {p, text};
    slt_turn_until(p->door, has_heard, &h);
    SL_CHECK_TEXT(p->heard.data == NULL ? p->why.text : p->heard.data, text);
    sli_str_clear(&p->heard);
}

static bool is_gone(slt_door *d, const void *what)
{
    (void)d;
    return ((const slt_person *)what)->gone;
}

void slt_is_ended(slt_person *p)
{
    slt_turn_until(p->door, is_gone, p);
}

static bool is_ready(slt_door *d, const void *what)
{
    const slt_person *p = what;
    return p->gone || p->tls == NULL || d->tls->ready(p->tls);
}

slt_person *slt_comes_in(slt_door *d)
{
    slt_person *p = slt_comes(d);
    slt_turn_until(d, is_ready, p);
    return p;
}

// ---------------------------------------------------------------- certificates

static void write_file(slt_bed *b, const char *name, const void *data, size_t size)
{
    assert_int_equal(sli_env_write_file(b->env, slt_bed_at(b, name), data, size, NULL), SL_OK);
}

static void write_text(slt_bed *b, const char *name, const char *text)
{
    write_file(b, name, text, strlen(text));
}

static void simulated_certificates(slt_bed *b)
{
    assert_true(sli_world_module(b->world, "net_tls", &sli_tls_simulated_module));
    write_text(b, "ca.pem", "ca good\n");
    write_text(b, "other-ca.pem", "ca other\n");
    write_text(b, "server.pem", "cert localhost by good\n");
    write_text(b, "server.key", "key localhost\n");
    write_text(b, "client.pem", "cert client by good\n");
    write_text(b, "client.key", "key client\n");
    write_text(b, "late.pem", "cert late by good expired\n");
    write_text(b, "late.key", "key late\n");
    write_text(b, "strange.pem", "cert strange by other\n");
    write_text(b, "strange.key", "key strange\n");
}

#if SLT_TLS
typedef struct issued {
    X509 *cert;
    EVP_PKEY *key;
} issued;

static void name_it(X509_NAME *to, const char *name)
{
    assert_int_equal(
        X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0),
        1);
}

static void extend(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/// A certificate that is valid from ten days ago for so many days, signed by `by` (NULL: itself).
static issued issue(const char *name, const issued *by, int days)
{
    static long serial = 1;
    issued made = {X509_new(), EVP_EC_gen("P-256")};
    assert_true(made.cert != NULL && made.key != NULL);
    X509_set_version(made.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(made.cert), -10L * 86400);
    X509_gmtime_adj(X509_getm_notAfter(made.cert), (days - 10L) * 86400);
    X509_set_pubkey(made.cert, made.key);
    name_it(X509_get_subject_name(made.cert), name);
    X509_set_issuer_name(made.cert, X509_get_subject_name(by == NULL ? made.cert : by->cert));
    extend(made.cert, NID_basic_constraints, by == NULL ? "critical,CA:TRUE" : "CA:FALSE");
    if (by != NULL) {
        extend(made.cert, NID_subject_alt_name, "DNS:localhost");
    }
    assert_true(X509_sign(made.cert, by == NULL ? made.key : by->key, EVP_sha256()) > 0);
    return made;
}

static void write_bio(slt_bed *b, const char *name, const char *end, BIO *bio)
{
    char file[64], *data = NULL;
    snprintf(file, sizeof file, "%s%s", name, end);
    long size = BIO_get_mem_data(bio, &data);
    write_file(b, file, data, (size_t)size);
    BIO_free(bio);
}

static void write_issued(slt_bed *b, const char *name, issued one)
{
    BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(cert, one.cert);
    PEM_write_bio_PrivateKey(key, one.key, NULL, NULL, 0, NULL, NULL);
    write_bio(b, name, ".pem", cert);
    write_bio(b, name, ".key", key);
}

static void real_certificates(slt_bed *b)
{
    issued ca = issue("good", NULL, 30), other = issue("other", NULL, 30);
    issued all[] = {issue("localhost", &ca, 30), issue("client", &ca, 30), issue("late", &ca, 5),
                    issue("strange", &other, 30)};
    const char *const names[] = {"server", "client", "late", "strange"};
    write_issued(b, "ca", ca);
    write_issued(b, "other-ca", other);
    for (int i = 0; i < 4; i++) {
        write_issued(b, names[i], all[i]);
        X509_free(all[i].cert);
        EVP_PKEY_free(all[i].key);
    }
    X509_free(ca.cert);
    X509_free(other.cert);
    EVP_PKEY_free(ca.key);
    EVP_PKEY_free(other.key);
}
#else
static void real_certificates(slt_bed *b)
{
    (void)b;
    skip(); // built without TLS
}
#endif

void slt_write_certificates(slt_bed *b)
{
    if (b->world != NULL) {
        simulated_certificates(b);
    } else {
        real_certificates(b);
    }
}

void slt_door_certificates(slt_door *d, slt_bed *b)
{
    slt_write_certificates(b);
    if (sli_tls_load(&d->tls, b->env, b->world != NULL ? NULL : SLT_BUILD_DIR "/lib/sluice",
                     &d->err) != SL_OK) {
        fail_msg("%s", d->err.text);
    }
}

void slt_door_open_tls(slt_door *d, slt_bed *b, const char *query)
{
    char all[4096];
    slt_door_certificates(d, b);
    snprintf(all, sizeof all, "tls.cert=%s/server.pem&tls.key=%s/server.key&%s", b->dir, b->dir,
             query);
    slt_door_open(d, b, all);
}

void slt_people_are(slt_door *d, const char *name, const char *ca)
{
    char files[3][600];
    slt_bed *b = d->bed;
    snprintf(files[0], sizeof files[0], "%s/%s.pem", b->dir, name == NULL ? "" : name);
    snprintf(files[1], sizeof files[1], "%s/%s.key", b->dir, name == NULL ? "" : name);
    snprintf(files[2], sizeof files[2], "%s/%s.pem", b->dir, ca);
    if (d->client_side != NULL) {
        d->tls->side_free(d->client_side);
        d->client_side = NULL;
    }
    sl_code rc = sli_tls_side_of_files(&d->client_side, d->tls, b->env, false,
                                       name == NULL ? NULL : files[0],
                                       name == NULL ? NULL : files[1], files[2], &d->err);
    if (rc != SL_OK) {
        fail_msg("%s", d->err.text);
    }
}
