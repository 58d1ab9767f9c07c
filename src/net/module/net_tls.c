// net_tls.c — TLS by OpenSSL. A session stands between two memory BIOs: what comes off the wire is
// written into one, what is for the wire is read from the other, so no call here meets a socket.
//
// The module calls nothing of libsluice; its memory is OpenSSL's and malloc's.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "env/module.h"
#include "net/tls.h"

struct sli_tls_side {
    SSL_CTX *ctx; ///< counted by OpenSSL: sessions hold it too
    bool server;
};

struct sli_tls {
    SSL *ssl;
    BIO *in, *out; ///< owned by ssl
};

// ---------------------------------------------------------------- errors

static sl_code set(sl_error *err, sl_code code, const char *what, const char *why)
{
    if (err != NULL) {
        *err = (sl_error){.code = code};
        (void)snprintf(err->text, sizeof err->text, "%s%s%s", what, *why == '\0' ? "" : ": ", why);
    }
    return code;
}

/// What OpenSSL says of its last failure; its queue is emptied.
static const char *reason(void)
{
    unsigned long first = ERR_get_error();
    const char *text = first == 0 ? NULL : ERR_reason_error_string(first);
    ERR_clear_error();
    return text == NULL ? "" : text;
}

static const char *certificate_text(long result)
{
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "the other side's certificate has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "the other side's certificate is not valid yet";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "the other side's certificate is another host's";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return "nobody that we trust has signed the other side's certificate";
    default:
        return X509_verify_cert_error_string(result);
    }
}

/// Why a handshake, or a session, has failed.
static sl_code failed(const sli_tls *tls, sl_error *err)
{
    long result = SSL_get_verify_result(tls->ssl);
    unsigned long code = ERR_peek_error();
    if (ERR_GET_REASON(code) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
        ERR_clear_error();
        return set(err, SL_E_DATA, "TLS", "the other side has no certificate");
    }
    if (result != X509_V_OK) {
        ERR_clear_error();
        return set(err, SL_E_DATA, "TLS", certificate_text(result));
    }
    return set(err, SL_E_DATA, "TLS", reason());
}

// ---------------------------------------------------------------- sides

static BIO *bio_of(sl_text text)
{
    return BIO_new_mem_buf(text.data, text.size > INT_MAX ? INT_MAX : (int)text.size);
}

/// No password is ever asked for on a terminal.
static int no_password(char *out, int size, int writing, void *ctx)
{
    (void)out, (void)size, (void)writing, (void)ctx;
    return -1;
}

/// The certificate, and those of its issuers behind it.
static sl_code use_chain(SSL_CTX *ctx, sl_text cert, sl_error *err)
{
    BIO *bio = bio_of(cert);
    X509 *own = bio == NULL ? NULL : PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL);
    bool good = own != NULL && SSL_CTX_use_certificate(ctx, own) == 1;
    X509_free(own);
    X509 *issuer = NULL;
    while (good && (issuer = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL) {
        good = SSL_CTX_add0_chain_cert(ctx, issuer) == 1; // it is the context's now
    }
    BIO_free(bio);
    const char *why = good ? "" : reason();
    ERR_clear_error(); // the end of the text was one
    return good ? SL_OK : set(err, SL_E_CONFIG, "tls.cert holds no certificate", why);
}

static sl_code use_key(SSL_CTX *ctx, sl_text key, sl_error *err)
{
    BIO *bio = bio_of(key);
    EVP_PKEY *own = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    if (own == NULL) {
        return set(err, SL_E_CONFIG,
                   "tls.key holds no private key that can be read without a password", reason());
    }
    bool good = SSL_CTX_use_PrivateKey(ctx, own) == 1 && SSL_CTX_check_private_key(ctx) == 1;
    EVP_PKEY_free(own);
    return good ? SL_OK : set(err, SL_E_CONFIG, "tls.key is not the key of tls.cert", reason());
}

static sl_code trust(SSL_CTX *ctx, sl_text ca, sl_error *err)
{
    BIO *bio = bio_of(ca);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    X509 *one = NULL;
    int n = 0;
    while (bio != NULL && (one = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL) {
        bool added = X509_STORE_add_cert(store, one) == 1 && SSL_CTX_add_client_CA(ctx, one) == 1;
        n += added ? 1 : 0;
        X509_free(one);
    }
    BIO_free(bio);
    ERR_clear_error();
    return n > 0 ? SL_OK : set(err, SL_E_CONFIG, "tls.ca holds no certificate", "");
}

static sl_code configure(SSL_CTX *ctx, const sli_tls_conf *conf, sl_error *err)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 0);
    if (conf->cert.data != NULL) {
        sl_code rc = use_chain(ctx, conf->cert, err);
        rc = rc == SL_OK ? use_key(ctx, conf->key, err) : rc;
        if (rc != SL_OK) {
            return rc;
        }
    }
    int mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(ctx, conf->server && conf->ca.data == NULL ? SSL_VERIFY_NONE : mode, NULL);
    if (conf->ca.data != NULL) {
        return trust(ctx, conf->ca, err);
    }
    if (!conf->server && SSL_CTX_set_default_verify_paths(ctx) != 1) {
        return set(err, SL_E_CONFIG, "the system's certificate authorities", reason());
    }
    return SL_OK;
}

static void side_free(sli_tls_side *side)
{
    if (side != NULL) {
        SSL_CTX_free(side->ctx);
        free(side);
    }
}

static sl_code side_new(sli_tls_side **out, const sli_tls_conf *conf, sl_error *err)
{
    sli_tls_side *side = calloc(1, sizeof *side);
    ERR_clear_error();
    if (side == NULL) {
        return set(err, SL_E_NOMEM, "no memory for TLS", "");
    }
    side->server = conf->server;
    side->ctx = SSL_CTX_new(conf->server ? TLS_server_method() : TLS_client_method());
    sl_code rc = side->ctx == NULL ? set(err, SL_E_NOMEM, "no memory for TLS", reason())
                                   : configure(side->ctx, conf, err);
    if (rc != SL_OK) {
        side_free(side);
        return rc;
    }
    *out = side;
    return SL_OK;
}

// ---------------------------------------------------------------- sessions

static void session_free(sli_tls *tls)
{
    if (tls != NULL) {
        SSL_free(tls->ssl); // and the BIOs
        free(tls);
    }
}

/// The host whose certificate a client wants to see: an address or a name.
static bool expect_host(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1) {
        return true;
    }
    ERR_clear_error();
    // SSL_set_tlsext_host_name, whose cast drops a const; the name is copied.
    return SSL_set1_host(ssl, host) == 1 &&
           SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    (void *)(uintptr_t)host) == 1;
}

static bool connect_bios(sli_tls *tls)
{
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (tls->in == NULL || tls->out == NULL) {
        BIO_free(tls->in);
        BIO_free(tls->out);
        return false;
    }
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    return true;
}

static sl_code session_new(sli_tls **out, sli_tls_side *side, const char *host, sl_error *err)
{
    sli_tls *tls = calloc(1, sizeof *tls);
    ERR_clear_error();
    if (tls == NULL || (tls->ssl = SSL_new(side->ctx)) == NULL || !connect_bios(tls) ||
        (host != NULL && !expect_host(tls->ssl, host))) {
        session_free(tls);
        return set(err, SL_E_NOMEM, "no memory for a TLS session", reason());
    }
    if (side->server) {
        SSL_set_accept_state(tls->ssl);
    } else {
        SSL_set_connect_state(tls->ssl);
        (void)SSL_do_handshake(tls->ssl); // its hello; what fails is told by `read`
        ERR_clear_error();
    }
    *out = tls;
    return SL_OK;
}

static sl_code put(sli_tls *tls, const void *data, size_t size, sl_error *err)
{
    size_t n = 0;
    ERR_clear_error();
    if (size > 0 && (BIO_write_ex(tls->in, data, size, &n) != 1 || n != size)) {
        return set(err, SL_E_NOMEM, "no memory for bytes of TLS", reason());
    }
    return SL_OK;
}

static sl_code read_plain(sli_tls *tls, void *out, size_t size, size_t *n, sl_error *err)
{
    *n = 0;
    ERR_clear_error();
    int rc = SSL_read_ex(tls->ssl, out, size, n);
    if (rc == 1) {
        return SL_OK;
    }
    switch (SSL_get_error(tls->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return SL_OK;
    case SSL_ERROR_ZERO_RETURN:
        return set(err, SL_E_END, "the other side has ended the session", "");
    default:
        return failed(tls, err);
    }
}

static sl_code write_plain(sli_tls *tls, const void *data, size_t size, sl_error *err)
{
    size_t n = 0;
    ERR_clear_error();
    if (SSL_is_init_finished(tls->ssl) != 1) {
        return set(err, SL_E_STATE, "TLS: the handshake is not over", "");
    }
    if (size > 0 && (SSL_write_ex(tls->ssl, data, size, &n) != 1 || n != size)) {
        return set(err, SL_E_IO, "TLS", reason());
    }
    return SL_OK;
}

static size_t take(sli_tls *tls, void *out, size_t size)
{
    size_t n = 0;
    return BIO_read_ex(tls->out, out, size, &n) == 1 ? n : 0;
}

static bool is_ready(const sli_tls *tls)
{
    return SSL_is_init_finished(tls->ssl) == 1;
}

static void end(sli_tls *tls)
{
    if (is_ready(tls)) {
        (void)SSL_shutdown(tls->ssl); // one way: what the other side still says is not awaited
    }
    ERR_clear_error();
}

// ---------------------------------------------------------------- the module

static const sli_tls_ops ops = {
    .struct_size = sizeof ops,
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

__attribute__((visibility("default"))) const sli_module *SLI_MODULE_ENTRY(void);

const sli_module *SLI_MODULE_ENTRY(void)
{
    static const sli_module module = {
        .struct_size = sizeof module,
        .name = "net_tls",
        .needs = "OpenSSL " SL_LIBRARY_VERSION,
        .abi = SLI_TLS_ABI,
        .table = &ops,
    };
    return &module;
}
