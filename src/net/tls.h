/// tls.h — what Sluice wants of a TLS library: the contract of the module net_tls (OpenSSL) and of
/// its twin in simulation (sim/).
///
///     side_new { session_new { put | read | write | take }* session_free } side_free
///
/// A session never meets a socket: bytes off the wire are put in, bytes for the wire are taken out,
/// whoever calls carries them. So TLS runs in simulation like anything else, and no call waits.
/// Texts are UTF-8, ended by a zero.
#pragma once

#include "env/env.h"

enum { SLI_TLS_ABI = 1 };

typedef struct sli_tls_side sli_tls_side; ///< certificates and settings of many sessions
typedef struct sli_tls sli_tls;           ///< one session. Thread: one at a time

/// PEM texts, not files, so that env alone touches the system. NULL: none.
typedef struct sli_tls_conf {
    size_t struct_size;
    bool server;
    sl_text cert, key; ///< of this side; a server needs both
    sl_text ca;        ///< who must have signed the other side's. A server with it asks for a
                       ///< certificate; a client without it believes the system's authorities
} sli_tls_conf;

typedef struct sli_tls_ops {
    size_t struct_size;
    /// Fails: SL_E_CONFIG: no certificate in the text, no key, an encrypted key, a key of another
    /// certificate; which text, and why.
    sl_code (*side_new)(sli_tls_side **out, const sli_tls_conf *conf, sl_error *err);
    void (*side_free)(SL_TAKES sli_tls_side *side); ///< accepts NULL; sessions may still be there
    /// `host`: a client's; the server's certificate must be for it. NULL for a server.
    sl_code (*session_new)(sli_tls **out, sli_tls_side *side, const char *host, sl_error *err);
    void (*session_free)(SL_TAKES sli_tls *tls); ///< accepts NULL
    /// Bytes off the wire, all of them; they are kept until read.
    sl_code (*put)(sli_tls *tls, const void *data, size_t size, sl_error *err);
    /// Plain bytes; *n 0: none yet. Goes on with the handshake, too. Fails: SL_E_END: the other
    /// side has ended the session in order. SL_E_DATA: no TLS, or not acceptable (a certificate
    /// that is missing, expired, of an unknown issuer, another host's: which). After a failure what
    /// `take` gives may tell the other side why; nothing else is left to do.
    sl_code (*read)(sli_tls *tls, void *out, size_t size, size_t *n, sl_error *err);
    /// Plain bytes to be sent, all of them; SL_E_STATE before `ready`.
    sl_code (*write)(sli_tls *tls, const void *data, size_t size, sl_error *err);
    /// Bytes for the wire; returns how many, 0 when there are none now.
    size_t (*take)(sli_tls *tls, void *out, size_t size);
    bool (*ready)(const sli_tls *tls); ///< the handshake is over
    /// Says goodbye (to be taken out and sent). Nothing may be written after it.
    void (*end)(sli_tls *tls);
} sli_tls_ops;

/// The module's table: net_tls of `modules` (as sli_module_load finds it), or what the simulated
/// world has. Fails: as sli_module_load.
sl_code sli_tls_load(const sli_tls_ops **out, sl_env *env, const char *modules, sl_error *err);

/// Reads certificate, key and authorities from files (each may be NULL) and makes a side of them.
/// Blocks: disk. Fails: SL_E_CONFIG with option and file, and what is wrong with it.
sl_code sli_tls_side_of_files(sli_tls_side **out, const sli_tls_ops *ops, sl_env *env, bool server,
                              const char *cert, const char *key, const char *ca, sl_error *err);
