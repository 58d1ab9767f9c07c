/// sim.h — the simulated world: virtual time, a disk that forgets, sockets in memory, crashes on
/// demand.
///
/// A *world* outlives processes: it holds the disk, the clock and the network's other side. A
/// *process* is an sl_env opened in it. Any number may be alive; one runs at a time. Everything
/// random comes from the world's seed, so the same seed and the same program give the same trace
/// hash.
///
/// A crash: at the n-th outside call of a process (or at a call chosen by the seed) the process
/// dies. From then on every call of its env fails with SL_E_CRASHED and has no effect, so the code
/// unwinds by its ordinary error paths (which is thereby tested), and the harness then boots a new
/// process in the same world. The disk at that moment is what the *fate* says: everything kept (a
/// mere process crash: unsynced bytes stay readable and stay unsynced), or a power loss in which
/// each unsynced write is kept, lost or torn, and each unsynced name kept or lost, by the seed.
#pragma once

#include "base/hash.h"
#include "env/env.h"
#include "env/module.h"

typedef struct sli_world sli_world;

typedef struct sli_world_conf {
    uint64_t seed;
    int64_t start_wall_us;    ///< 0: 2020-01-01 00:00:00 UTC
    int64_t disk_limit_bytes; ///< 0: no limit; over it writes fail with SL_E_NO_SPACE
    double switch_chance;     ///< at each file call other strands of the process run first, by the
                              ///< seed; 0: only at waits
    int32_t cpus;             ///< sli_env_cpus; 0: 4
    int64_t memory_bytes;     ///< sli_env_memory_bytes; 0: 16 GiB
} sli_world_conf;

sli_world *sli_world_new(const sli_world_conf *conf); ///< NULL without memory
void sli_world_free(SL_TAKES sli_world *world);       ///< every process must have been freed

/// When and how the next process dies or is hurt. Zero: it lives.
typedef struct sli_fault {
    int64_t crash_at_call; ///< 1 = the first outside call with an effect or an answer; 0 = never
    int64_t hang_us; ///< the call of `crash_at_call` hangs so long before the process dies at it,
                     ///< while other strands go on: a slow disk
    int64_t fail_at_call; ///< this call fails once with `fail_code` (default SL_E_IO); 0 = none
    sl_code fail_code;
    double crash_chance; ///< at each call, by the seed
    double fail_chance;  ///< at each call that may fail harmlessly, by the seed (I/O errors, short
                         ///< reads, stalls)
    const char *only_site; ///< lives as long as the process; restrict chances and counters to call
                           ///< sites whose name starts with this ("file.sync")
} sli_fault;

/// A new process. Its strands are stepped inside its own waits.
sl_code sli_world_boot(sli_world *world, const sli_fault *fault, sl_env **out, sl_error *err);
/// Kills a process now (from the harness).
void sli_world_kill(sl_env *env);
bool sli_world_is_dead(const sl_env *env);
/// Applies a power loss to what is not synced: each piece kept, lost or torn by the seed. Call
/// between boots. `lose_all` loses every unsynced piece instead.
void sli_world_power_loss(sli_world *world, bool lose_all);
int64_t sli_world_calls(const sl_env *env); ///< outside calls the process has made
bool sli_world_fault_reached(const sl_env *env);
/// A hash of every call and its result so far: equal seeds, equal traces.
uint64_t sli_world_trace(const sli_world *world);

// The disk as the harness sees it (no faults, not counted).
sl_code sli_world_put(sli_world *world, const char *path, const void *data, size_t size,
                      sl_error *err); ///< durable; modified now
sl_code sli_world_read(sli_world *world, const char *path, char **out, size_t *size, sl_error *err);
sl_code sli_world_remove(sli_world *world, const char *path, sl_error *err);
sl_code sli_world_rename(sli_world *world, const char *from, const char *to,
                         sl_error *err); ///< replaces; durable
sl_code sli_world_touch(sli_world *world, const char *path, int64_t modified_us, sl_error *err);
sl_code sli_world_list(sli_world *world, const char *dir, sli_list_fn each, void *ctx,
                       sl_error *err);
/// Flips one bit or cuts the file: what a bad disk does.
sl_code sli_world_flip(sli_world *world, const char *path, int64_t offset, uint8_t mask,
                       sl_error *err);
sl_code sli_world_cut(sli_world *world, const char *path, int64_t size, sl_error *err);
void sli_world_disk_limit(sli_world *world, int64_t bytes);

// Time: moves by itself when every strand waits; the harness may move it too, wall clock backwards
// as well.
int64_t sli_world_mono_us(const sli_world *world);
void sli_world_advance(sli_world *world, int64_t us);
void sli_world_jump_wall(sli_world *world, int64_t us);
/// Calls `fn` at a virtual time, between strands: how the harness feeds a job while it runs.
sl_code sli_world_at(sli_world *world, int64_t mono_us, sli_work_fn fn, void *ctx, sl_error *err);

// The network's other side: a scripted server that a process can connect to.
typedef struct sli_peer sli_peer;
/// Listens under host:port. Bytes put into it flow to whoever is connected, in order, each once;
/// bytes handed to a connection that broke before the process received them are lost, as with TCP
/// (at most 64 KiB are in flight). What was not handed out yet survives reconnects. The peer with
/// host "stdin", port 0, feeds standard input. Lives as long as the world. NULL without memory.
sli_peer *sli_peer_listen(sli_world *world, const char *host, int32_t port);
sl_code sli_peer_send(sli_peer *peer, const void *data, size_t size, sl_error *err);
/// Closes the present connection roughly: what is in flight is lost; the process sees an end or a
/// reset, by the seed.
void sli_peer_drop(sli_peer *peer);
/// Closes in order: the process gets everything sent so far, then SL_E_END. What is sent later
/// waits for a reconnect.
void sli_peer_finish(sli_peer *peer);
void sli_peer_refuse(sli_peer *peer, bool refuse);
int64_t sli_peer_taken(const sli_peer *peer); ///< bytes that processes have received so far

/// A program of the world: what a process starts under `name` (without a path). It is called once,
/// when its input has ended: `words` are those behind its name, each ended by a zero. Returns its
/// exit code. False when there are 16 already. `name` and `ctx` live as long as the world.
typedef int32_t (*sli_command_fn)(void *ctx, sl_text words, sl_text in, sli_str *out,
                                  sli_str *errors);
bool sli_world_command(sli_world *world, const char *name, sli_command_fn run, void *ctx);

/// What sli_module_load gives to processes of this world under `name`; a later call replaces it,
/// NULL takes it away. Both live as long as the world. False when there are 16 already.
bool sli_world_module(sli_world *world, const char *name, const sli_module *module);
/// Asks `find` for modules of other names, when they are wanted: for what has no outside of its own
/// and need not be simulated. NULL: there are none.
void sli_world_find_modules(sli_world *world,
                            const sli_module *(*find)(void *ctx, const char *name), void *ctx);
/// The same for whoever holds a process: how the functions of a simulated module find what they
/// simulate, which has the struct in it. NULL without one. `env` is one of a world.
const sli_module *sli_world_module_of(const sl_env *env, const char *name);
/// A generator for a part of the world that env does not know (a cluster), seeded by the world's
/// seed and `what`: apart, so that one kind of chance does not shift another.
sli_rng sli_world_rng(const sli_world *world, const char *what);

/// What all processes have printed to standard output (1) or error (2), lives until the next print;
/// ended by a zero.
const char *sli_world_printed(const sli_world *world, int fd, size_t *size);
/// The last sli_env_phase of a process, also a dead one; "" before the first.
const char *sli_world_phase(const sl_env *env);
/// Forgets every file lock though its holder lives: what a network filesystem does to a paused
/// holder.
void sli_world_break_locks(sli_world *world);

/// Call sites with how often each was called, crashed at and failed, over the world's life or all
/// worlds merged by the harness. Names as "file.open" "file.write" "dir.sync" "socket.receive"
/// "signal.wait".
typedef struct sli_site {
    const char *name;
    int64_t calls, crashes, failures;
    bool answers_only; ///< can neither fail nor be crashed at (clocks, close, set): not numbered
} sli_site;
int32_t sli_world_sites(const sli_world *world, const sli_site **out);

/// Plants a mistake: sli_env_bug(env, bug) is true in every process of this world.
void sli_world_plant(sli_world *world, const char *bug);

/// Two processes interleaved at outside calls, for zombies: a *pausable* process has a stack of its
/// own and runs only while the harness is inside sli_process_resume.
typedef struct sli_process sli_process;
sli_process *sli_process_new(sli_world *world, const sli_fault *fault,
                             void (*main)(sl_env *env, void *ctx), void *ctx);
/// Lets it make up to `n` numbered outside calls (SLI_FOREVER: to the end); it stops before the
/// next one. Printing is not among them. False when it has ended. Returns early, true, when it
/// waits for something that only the harness can do.
bool sli_process_resume(sli_process *process, int64_t n);
sl_env *
sli_process_env(sli_process *process); ///< for sli_world_kill and the like; gone with the process
void sli_process_free(
    SL_TAKES sli_process *process); ///< kills it when it has not ended, and lets it unwind
