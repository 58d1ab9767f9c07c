/// server.h — a simulated PostgreSQL server: what stands for libpq and its server in a simulated
/// world.
///
/// The server belongs to a test's harness and outlives processes. Processes reach it through
/// postgres.h, as the world's module `postgres_pq`; what is here is the harness's side: at once,
/// without faults, not counted. README.md says what it has and has not.
///
/// By the world's seed: when a server notices that a client is gone, and when a commit takes
/// effect whose answer was lost.
#pragma once

#include "env/sim.h"
#include "postgres/postgres.h"

typedef struct sli_pg_server sli_pg_server;

/// The table that the world's module has.
extern const sli_pg_ops sli_pg_simulated;

/// An empty server, which is the world's module `postgres_pq` from now on. One a world; NULL
/// without memory.
sli_pg_server *sli_pg_server_new(sli_world *world);
/// Every connection must have been closed; before the world. Accepts NULL.
void sli_pg_server_free(SL_TAKES sli_pg_server *server);

/// Makes a table, as `prepare` does.
sl_code sli_pg_server_make(sli_pg_server *server, const sli_pg_target *target, sl_error *err);
/// Adds rows, as COPY's text format has them, each ended by '\n'.
sl_code sli_pg_server_fill(sli_pg_server *server, const char *table, const char *rows,
                           sl_error *err);

// ---------------------------------------------------------------- what goes wrong

/// Nobody answers for so long (virtual time) from now, and every connection is lost; 0: it is back.
/// SLI_FOREVER: until told.
void sli_pg_server_away(sli_pg_server *server, int64_t for_us);
/// Who connects from now on must have it as `password`; NULL: none is asked for. Lives as long as
/// the server.
void sli_pg_server_password(sli_pg_server *server, const char *password);
/// The n-th request from now on (1: the next) is done, or not; its connection is lost before the
/// answer.
void sli_pg_server_lose_at(sli_pg_server *server, int64_t n, bool done);
/// The next COPY is refused for this reason.
void sli_pg_server_refuse(sli_pg_server *server, sl_code why);
int64_t sli_pg_server_requests(const sli_pg_server *server); ///< so far
/// The marks are gone, as if somebody had emptied their table.
void sli_pg_server_forget(sli_pg_server *server);

// ---------------------------------------------------------------- looking

/// `row` is as COPY's text format has it, without its line end; lives for the call.
typedef void (*sli_pg_look_fn)(void *ctx, sl_text row);
/// Shows all committed rows, in order; commits that are under way have taken effect. Returns their
/// number; -1: no such table. `each` may be NULL.
int64_t sli_pg_server_look(sli_pg_server *server, const char *table, sli_pg_look_fn each,
                           void *ctx);
sli_pg_mark sli_pg_server_mark(sli_pg_server *server, const char *job, const char *uid);
