/// http.h — what Sluice wants of an HTTP client: the contract of the module http_curl (libcurl) and
/// of what answers in simulation.
///
///     open { begin -> status { read } end } close
///
/// A request goes out whole, from memory; of its answer the caller takes the status first and then
/// as much of the body as it wants, when it wants it: there is no callback, and nobody else's
/// thread. Redirects are told, not followed, since who follows one must decide what the second
/// request may hold. Nothing is ever repeated here: only the caller knows whether it may be.
///
/// Texts end with a zero. Deadlines are mono times of the env, microseconds.
#pragma once

#include <stdatomic.h>

#include "conf/conf.h"
#include "env/env.h"

enum { SLI_HTTP_ABI = 3 };

typedef struct sli_http sli_http;           ///< a client. Thread: any, many at once
typedef struct sli_http_call sli_http_call; ///< a request and its answer. One thread at a time

typedef struct sli_http_ops sli_http_ops;

/// What a client is opened with. The struct and its texts live for the call, `env` and `inner` as
/// long as the client. Files are PEM.
typedef struct sli_http_conf {
    size_t struct_size;
    sl_env *env; ///< in whose world the servers are; a module uses its clock only
    int64_t (*mono_us)(sl_env *env); ///< sli_env_mono_us
    const sli_http_ops *inner;       ///< of sli_http_gate alone: what is behind it
    const char *user, *password;     ///< HTTP's basic authentication; NULL: none
    bool negotiate;                  ///< SPNEGO, with the Kerberos tickets of the process
    const char *ca;                  ///< who signs servers; NULL: those the system trusts
    const char *cert, *key;          ///< who we are; NULL: nobody
    const char *key_password;
    int64_t connect_us; ///< a connection must be up after so long
    int64_t stall_us;   ///< and something of a body must have come after so long
    /// A mono time that ends every wait of the client as its deadline does, and that may come
    /// nearer meanwhile: it is looked at once a second, at least. NULL: none. It lives as long as
    /// the client.
    const _Atomic int64_t *end_us;
} sli_http_conf;

/// A request. Lives for the call of `begin`.
typedef struct sli_http_request {
    const char *method, *url;   ///< "GET"; "http://host:port/path?query", "https:..."
    const char *const *headers; ///< "Name: value"
    int32_t n_headers;
    bool anonymous; ///< shows no password and no ticket: for a server that another one named
    bool has_body;  ///< `body`, which may be empty, is sent with its length
    sl_bytes body;
    int64_t deadline_us; ///< when the status must have come
} sli_http_request;

/// What came before the body. Texts live until `end`.
typedef struct sli_http_answer {
    int32_t status;
    const char *location; ///< an absolute URL; NULL: none
} sli_http_answer;

struct sli_http_ops {
    size_t struct_size;

    /// Checks what it is told; no contact yet. Fails: SL_E_CONFIG (a file that can't be used),
    /// SL_E_UNSUPPORTED (this libcurl has no TLS, no SPNEGO), SL_E_NOMEM.
    sl_code (*open)(sli_http **out, const sli_http_conf *conf, sl_error *err);
    void (*close)(SL_TAKES sli_http *self); ///< accepts NULL. Every call was ended
    /// Sends a request and waits for the head of its answer, whatever its status. Connections that
    /// an earlier call left whole are used again. Blocks: yes. Fails: SL_E_IO (refused, lost);
    /// SL_E_TIMEOUT; SL_E_CONFIG (they are not who we trust; we have no ticket for them);
    /// SL_E_NOMEM. After SL_E_IO and SL_E_TIMEOUT the server may have done what it was asked.
    sl_code (*begin)(sli_http *self, const sli_http_request *request, sli_http_call **out,
                     sli_http_answer *answer, sl_error *err);
    /// Reads up to `size` bytes of the body; *n < size only at its end, which is the end that the
    /// server announced. Blocks: yes. Fails: SL_E_IO (lost before the end), SL_E_TIMEOUT (stalled).
    sl_code (*read)(sli_http_call *call, void *out, size_t size, size_t *n, sl_error *err);
    /// Before the body's end it costs the connection. Sets *call to NULL; accepts a NULL in it.
    void (*end)(sli_http_call **call);
};

// ---------------------------------------------------------------- Sluice's side

/// A table over another one, conf.inner: `begin` and `read` are announced to env first
/// (sli_env_outside), so that they can be made to fail, and a process to die there.
extern const sli_http_ops sli_http_gate;

/// The client's table, for conf.inner: the module http_curl of `modules` (a directory, or NULL: as
/// sli_module_load finds it), or what the simulated world has. `why` is who asks: "hdfs:". Fails:
/// as sli_module_load.
sl_code sli_http_load(const sli_http_ops **out, sl_env *env, const char *modules, const char *why,
                      sl_error *err);

/// Appends `text` as a part of a URL: bytes that are not letters, digits or one of "-._~", and not
/// in `also`, as %XX.
void sli_http_escape(sli_str *out, const char *text, const char *also);
