/// pgserver.h — the real PostgreSQL of `make test-postgres`: SLUICE_TEST_POSTGRES names the
/// directory in which tools/postgres has started it.
#pragma once

#include <stddef.h>

/// That directory. Ends the test as not tried here when there is none, or in a build without
/// PostgreSQL.
const char *slt_postgres_dir(void);
int slt_postgres_port(void);
/// Runs a command of tools/postgres on it: "kill", "restart". Fails the test when that does.
void slt_postgres_command(const char *command);
/// What `psql -qAt` prints for a statement, run by the server's owner; the caller frees. Fails the
/// test when the statement does.
char *slt_postgres_ask(const char *sql);
