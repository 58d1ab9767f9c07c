/// tls.c — TLS in simulation; see tls.h for its certificates and its records.
#include "net/sim/tls.h"

#include "base/str.h"

enum { HELLO = 1, BYTES = 2, END = 3, REFUSAL = 4, HEAD = 3, MOST_RECORD = 16 << 10 };

struct sli_tls_side {
    int32_t refs;
    bool server;
    char *cert, *ca; ///< lines; "" without one
};

struct sli_tls {
    sli_tls_side *side;
    char *host;   ///< a client's; NULL: any
    sli_str in;   ///< off the wire, not looked at
    sli_str out;  ///< for the wire, not taken
    sli_str text; ///< plain bytes of the record that is being read
    size_t text_at;
    bool ready;
};

// ---------------------------------------------------------------- sides

static bool begins(sl_text text, const char *with)
{
    return text.size >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

/// The first line, without its end.
static char *line_of(sl_text text)
{
    size_t size = 0;
    while (size < text.size && text.data[size] != '\n') {
        size++;
    }
    return sl_strndup(SLI_TAG_SOURCE, size == 0 ? "" : text.data, size);
}

/// "cert NAME by ..." and "key NAME".
static bool is_key_of(sl_text key, const char *cert)
{
    const char *name = cert + strlen("cert ");
    size_t size = strcspn(name, " ");
    return begins(key, "key ") && key.size >= 4 + size && memcmp(key.data + 4, name, size) == 0 &&
           (key.size == 4 + size || key.data[4 + size] == '\n');
}

static sl_code check(const sli_tls_conf *conf, const char *cert, sl_error *err)
{
    if (conf->cert.data != NULL && strncmp(cert, "cert ", 5) != 0) {
        return sl_error_set(err, SL_E_CONFIG, "tls.cert holds no certificate");
    }
    if (conf->cert.data != NULL && !begins(conf->key, "key ")) {
        return sl_error_set(err, SL_E_CONFIG, "tls.key holds no private key");
    }
    if (conf->cert.data != NULL && !is_key_of(conf->key, cert)) {
        return sl_error_set(err, SL_E_CONFIG, "tls.key is not the key of tls.cert");
    }
    if (conf->ca.data != NULL && !begins(conf->ca, "ca ")) {
        return sl_error_set(err, SL_E_CONFIG, "tls.ca holds no certificate");
    }
    return SL_OK;
}

static void side_free(sli_tls_side *side)
{
    if (side != NULL && --side->refs == 0) {
        sl_free(side->cert);
        sl_free(side->ca);
        sl_free(side);
    }
}

static sl_code side_new(sli_tls_side **out, const sli_tls_conf *conf, sl_error *err)
{
    sli_tls_side *side = sl_alloc_zero(SLI_TAG_SOURCE, sizeof *side);
    if (side == NULL) {
        return sl_error_nomem(err, sizeof *side, "settings of TLS");
    }
    *side = (sli_tls_side){
        .refs = 1, .server = conf->server, .cert = line_of(conf->cert), .ca = line_of(conf->ca)};
    sl_code rc = side->cert == NULL || side->ca == NULL
                     ? sl_error_nomem(err, conf->cert.size, "a certificate")
                     : check(conf, side->cert, err);
    if (rc != SL_OK) {
        side_free(side);
        return rc;
    }
    *out = side;
    return SL_OK;
}

// ---------------------------------------------------------------- records

static void put_record(sli_tls *tls, uint8_t type, const char *data, size_t size)
{
    uint8_t head[HEAD] = {type, (uint8_t)(size & 0xff), (uint8_t)(size >> 8)};
    sli_str_add(&tls->out, head, sizeof head);
    sli_str_add(&tls->out, data, size);
}

static void say_hello(sli_tls *tls)
{
    put_record(tls, HELLO, tls->side->cert, strlen(tls->side->cert));
}

static sl_code refuse(sli_tls *tls, sl_error *err, const char *why)
{
    put_record(tls, REFUSAL, why, strlen(why));
    return sl_error_set(err, SL_E_DATA, "TLS: %s", why);
}

static bool is_for(const char *cert, const char *host)
{
    size_t size = strlen(host);
    return strncmp(cert + strlen("cert "), host, size) == 0 && cert[strlen("cert ") + size] == ' ';
}

/// The other side's certificate, a line that is ended by a zero.
static sl_code judge(sli_tls *tls, const char *cert, sl_error *err)
{
    const sli_tls_side *side = tls->side;
    const char *issuer = strstr(cert, " by ");
    if (*side->ca == '\0' && side->server) {
        return SL_OK; // nobody is asked for one
    }
    if (issuer == NULL) {
        return refuse(tls, err, "the other side has no certificate");
    }
    const char *trusted = *side->ca == '\0' ? "ca system" : side->ca;
    size_t size = strlen(trusted + 3);
    if (strncmp(issuer + 4, trusted + 3, size) != 0 ||
        (issuer[4 + size] != '\0' && issuer[4 + size] != ' ')) {
        return refuse(tls, err, "nobody that we trust has signed the other side's certificate");
    }
    if (strstr(issuer, " expired") != NULL) {
        return refuse(tls, err, "the other side's certificate has expired");
    }
    if (tls->host != NULL && !is_for(cert, tls->host)) {
        return refuse(tls, err, "the other side's certificate is another host's");
    }
    return SL_OK;
}

static sl_code on_hello(sli_tls *tls, const char *cert, sl_error *err)
{
    if (tls->ready) {
        return refuse(tls, err, "a second handshake");
    }
    SL_TRY(judge(tls, cert, err));
    if (tls->side->server) {
        say_hello(tls);
    }
    tls->ready = true;
    return SL_OK;
}

static sl_code on_record(sli_tls *tls, uint8_t type, sl_error *err)
{
    const char *text = tls->text.data == NULL ? "" : tls->text.data;
    switch (type) {
    case HELLO:
        SL_TRY(on_hello(tls, text, err));
        sli_str_clear(&tls->text);
        return SL_OK;
    case BYTES:
        return tls->ready ? SL_OK : refuse(tls, err, "bytes before the handshake");
    case END:
        return sl_error_set(err, SL_E_END, "the other side has ended the session");
    case REFUSAL:
        return sl_error_set(err, SL_E_DATA, "TLS: refused by the other side: %s", text);
    default:
        return refuse(tls, err, "this is no TLS");
    }
}

/// The next record, when it is there: its bytes in `text`.
static sl_code next_record(sli_tls *tls, bool *there, sl_error *err)
{
    const uint8_t *data = (const uint8_t *)tls->in.data;
    *there = false;
    if (tls->in.size > 0 && (data[0] < HELLO || data[0] > REFUSAL)) {
        return refuse(tls, err, "this is no TLS");
    }
    size_t size = tls->in.size < HEAD ? 0 : (size_t)data[1] | (size_t)data[2] << 8;
    if (tls->in.size < HEAD || tls->in.size < HEAD + size) {
        return SL_OK;
    }
    uint8_t type = data[0];
    sli_str_clear(&tls->text);
    tls->text_at = 0;
    sli_str_add(&tls->text, data + HEAD, size);
    memmove(tls->in.data, tls->in.data + HEAD + size, tls->in.size - HEAD - size);
    tls->in.size -= HEAD + size;
    *there = true;
    SL_TRY(sli_str_check(&tls->text, "a record", err));
    return on_record(tls, type, err);
}

// ---------------------------------------------------------------- sessions

static void session_free(sli_tls *tls)
{
    if (tls != NULL) {
        side_free(tls->side);
        sl_free(tls->host);
        sli_str_reset(&tls->in);
        sli_str_reset(&tls->out);
        sli_str_reset(&tls->text);
        sl_free(tls);
    }
}

static sl_code session_new(sli_tls **out, sli_tls_side *side, const char *host, sl_error *err)
{
    sli_tls *tls = sl_alloc_zero(SLI_TAG_SOURCE, sizeof *tls);
    if (tls == NULL) {
        return sl_error_nomem(err, sizeof *tls, "a TLS session");
    }
    tls->side = side;
    side->refs++;
    tls->in.tag = tls->out.tag = tls->text.tag = SLI_TAG_SOURCE;
    if (host != NULL && (tls->host = sl_strdup(SLI_TAG_SOURCE, host)) == NULL) {
        session_free(tls);
        return sl_error_nomem(err, strlen(host), "a host's name");
    }
    if (!side->server) {
        say_hello(tls);
    }
    *out = tls;
    return SL_OK;
}

static sl_code put(sli_tls *tls, const void *data, size_t size, sl_error *err)
{
    sli_str_add(&tls->in, data, size);
    return sli_str_check(&tls->in, "bytes of TLS", err);
}

static sl_code read_plain(sli_tls *tls, void *out, size_t size, size_t *n, sl_error *err)
{
    bool there = true;
    while (there && tls->text_at == tls->text.size) {
        SL_TRY(next_record(tls, &there, err));
    }
    size_t left = tls->text.size - tls->text_at;
    *n = left < size ? left : size;
    if (*n > 0) {
        memcpy(out, tls->text.data + tls->text_at, *n);
        tls->text_at += *n;
    }
    return SL_OK;
}

static sl_code write_plain(sli_tls *tls, const void *data, size_t size, sl_error *err)
{
    if (!tls->ready) {
        return sl_error_set(err, SL_E_STATE, "TLS: the handshake is not over");
    }
    for (size_t at = 0; at < size; at += MOST_RECORD) {
        size_t n = size - at < MOST_RECORD ? size - at : MOST_RECORD;
        put_record(tls, BYTES, (const char *)data + at, n);
    }
    return sli_str_check(&tls->out, "bytes of TLS", err);
}

static size_t take(sli_tls *tls, void *out, size_t size)
{
    size_t n = tls->out.size < size ? tls->out.size : size;
    if (n > 0) {
        memcpy(out, tls->out.data, n);
        memmove(tls->out.data, tls->out.data + n, tls->out.size - n);
        tls->out.size -= n;
    }
    return n;
}

static bool is_ready(const sli_tls *tls)
{
    return tls->ready;
}

static void end(sli_tls *tls)
{
    put_record(tls, END, "", 0);
}

const sli_tls_ops sli_tls_simulated = {
    .struct_size = sizeof(sli_tls_ops),
    .side_new = side_new,
    .side_free = side_free,
    .session_new = session_new,
    .session_free = session_free,
    .put = put,
    .read = read_plain,
    .write = write_plain,
    .take = take,
    .ready = is_ready,
    .end = end,
};

const sli_module sli_tls_simulated_module = {
    .struct_size = sizeof(sli_module),
    .name = "net_tls",
    .needs = "nothing",
    .abi = SLI_TLS_ABI,
    .table = &sli_tls_simulated,
};
