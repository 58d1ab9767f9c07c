/// sim_int.h — the simulated world's parts: disk, fibers, call gate, network. Only env/sim/ sees
/// it.
#pragma once

#include <ucontext.h>

#include "base/hash.h"
#include "base/str.h"
#include "env/env_int.h"
#include "env/sim.h"
#include "env/sites.h"
#include "env/timers.h"

typedef struct sim_env sim_env;

// ---------------------------------------------------------------- sites: every kind of outside
// call

typedef enum sim_site {
#define X(symbol, name, kind) SIM_##symbol,
    SLI_ENV_SITES(X)
#undef X
        SIM_N_SITES,
} sim_site;

// ---------------------------------------------------------------- disk

typedef struct sim_inode sim_inode;

/// A change of a file's bytes that is not durable yet, with what is needed to undo it.
typedef struct sim_change {
    int64_t offset, size; ///< bytes written; a cut: offset is the new size, size 0
    int64_t old_size;     ///< of the file
    uint8_t *old;         ///< bytes that were overwritten or cut off
    int64_t n_old;
    bool is_cut;
    bool durable; ///< a later sync covered it, but an earlier change of this file is lost
    bool lost;    ///< a failed sync lost it: no later sync brings it back
} sim_change;

typedef struct sim_entry {
    char *name;
    sim_inode *inode;
} sim_entry;

struct sim_inode {
    sim_inode *next; ///< of the world's list, newest first
    uint64_t id;
    bool is_dir;
    int32_t links, handles,
        pins; ///< directory entries; open files; mentions in name changes. All 0: gone
    int64_t modified_us;
    int64_t lock_pid; ///< 0: not locked
    uint8_t *data;
    int64_t size, capacity;
    sim_change *changes;
    size_t n_changes, changes_capacity;
    sim_entry *entries; ///< of a directory, by name
    size_t n_entries, entries_capacity;
};

typedef enum sim_name_kind { SIM_LINK, SIM_UNLINK, SIM_RENAME } sim_name_kind;

/// A change of names that is not durable yet. Renames are atomic and become durable with the
/// target's directory.
typedef struct sim_name_change {
    sim_name_kind kind;
    sim_inode *dir, *inode;       ///< a rename: from here
    sim_inode *to_dir, *replaced; ///< a rename: to here, in place of this one (or NULL)
    char *name, *to_name;
    bool keep;
} sim_name_change;

typedef struct sim_disk {
    sim_inode *root, *inodes;
    uint64_t n_made;
    int64_t used_bytes, limit_bytes;
    sim_name_change *names;
    size_t n_names, names_capacity;
} sim_disk;

/// A path taken apart: its directory (NULL: the path is the root or ends with "..") and last name.
typedef struct sim_place {
    sim_inode *dir;
    sim_inode *inode; ///< NULL: nothing there
    char name[256];
} sim_place;

// Failures are errno values here, 0 is success; callers make texts of them.
bool sli_sim_disk_init(sim_disk *disk, int64_t limit_bytes);
void sli_sim_disk_reset(sim_disk *disk);
int sli_sim_disk_find(sim_disk *disk, const char *path, sim_place *out);
sim_inode *sli_sim_entry_find(const sim_inode *dir, const char *name);
int sli_sim_disk_make(sim_disk *disk, const sim_place *at, bool is_dir, int64_t now_us,
                      sim_inode **out);
int sli_sim_disk_unlink(sim_disk *disk, const sim_place *at);
int sli_sim_disk_rename(sim_disk *disk, const sim_place *from, const sim_place *to);
void sli_sim_disk_sync_dir(sim_disk *disk, const sim_inode *dir);
void sli_sim_disk_sync_all_names(
    sim_disk *disk, const sim_inode *inode); ///< the harness's: everything about it is durable
void sli_sim_inode_release(sim_disk *disk, sim_inode *inode); ///< frees it when nothing mentions it
/// Bare moves of entries, not recorded; names.c and fate.c use them.
int sli_sim_entry_put(sim_inode *dir, const char *name, sim_inode *inode);
void sli_sim_entry_drop(sim_inode *dir, const char *name);
void sli_sim_names_close_over(sim_disk *disk); ///< marks `keep` whatever a kept change rests on
sim_inode *sli_sim_inode_new(sim_disk *disk, bool is_dir,
                             int64_t now_us); ///< without a name; NULL without memory
void sli_sim_name_change_reset(sim_disk *disk, sim_name_change *change);

/// Recorded as not durable. ENOSPC after writing what fits.
int sli_sim_inode_write(sim_disk *disk, sim_inode *inode, int64_t offset, const void *data,
                        size_t size);
int sli_sim_inode_cut(sim_disk *disk, sim_inode *inode, int64_t size);
void sli_sim_inode_sync(sim_inode *inode);
void sli_sim_inode_sync_failed(
    sim_inode *inode); ///< what was not durable is lost, though it stays readable
/// Not recorded; grows with zeroes. 0 or ENOMEM.
int sli_sim_inode_resize(sim_disk *disk, sim_inode *inode, int64_t size);
void sli_sim_changes_reset(sim_inode *inode);

// By path, for processes and the harness alike; errno values (file.c).
int sli_sim_disk_mkdirs(sli_world *world, const char *path);
int sli_sim_disk_move(sim_disk *disk, const char *from, const char *to, bool replace);
int sli_sim_disk_remove(sim_disk *disk, const char *path, bool is_dir);

void sli_sim_fate_power_loss(sim_disk *disk, sli_rng *rng, bool lose_all);

// ---------------------------------------------------------------- fibers: stacks of their own on
// one host thread

typedef struct sim_fiber {
    ucontext_t context;
    void *stack; ///< NULL for the host's own
    size_t stack_size;
    void (*entry)(void *arg);
    void *arg;
    struct sim_fiber *from; ///< who switched here last
    void *fake_stack;       ///< AddressSanitizer's
    const void *bounds;     ///< AddressSanitizer's: the stack as it sees it
    size_t bounds_size;
    void *tsan; ///< ThreadSanitizer's
} sim_fiber;

bool sli_sim_fiber_init(sim_fiber *fiber, void (*entry)(void *arg),
                        void *arg); ///< false without memory
void sli_sim_fiber_switch(sim_fiber *from, sim_fiber *to);
void sli_sim_fiber_leave(sim_fiber *from, sim_fiber *to); ///< as switch, and never comes back
void sli_sim_fiber_reset(sim_fiber *fiber);               ///< not while it runs

// ---------------------------------------------------------------- threads of control

typedef bool (*sim_ready_fn)(const void *ctx);

/// One thread of control of a process: its main one or a strand. It waits for `ready(ctx)`, a
/// deadline, or the death of its process; the scheduler picks one that need not wait any more.
typedef struct sim_thread {
    struct sim_thread *next;
    sim_fiber fiber;
    sim_ready_fn ready;
    const void *ctx;
    int64_t deadline_us;
    bool ends_with_process; ///< the process's death ends the wait
    bool finished;
} sim_thread;

/// Waits until ready, whatever else runs meanwhile. SL_OK, SL_E_TIMEOUT, or SL_E_CRASHED when
/// `mortal` and dead.
sl_code sli_sim_wait(sim_env *env, sim_ready_fn ready, const void *ctx, int64_t deadline_us,
                     bool mortal);
void sli_sim_yield(sim_env *env); ///< lets the seed pick who goes on
void sli_sim_thread_add(sim_env *env, sim_thread *thread);
void sli_sim_thread_remove(sim_env *env, sim_thread *thread);
_Noreturn void sli_sim_thread_leave(sim_env *env,
                                    sim_thread *thread); ///< its last act, on its own stack

// ---------------------------------------------------------------- network

enum { SIM_WINDOW = 65536 }; ///< bytes in flight in one direction

typedef struct sim_socket sim_socket;
/// Two directions of bytes; side 0 connected, side 1 is a socket that accepted, or a peer.
typedef struct sim_conn {
    sli_str flying[2];       ///< to side i
    size_t taken[2];         ///< of flying[i], received already
    bool ended[2], reset[2]; ///< as side i will see it after what is flying
    bool gone[2];            ///< side i has closed
    sli_peer *peer;
} sim_conn;

struct sim_socket {
    sli_socket head;
    sim_socket *next; ///< of the process's list
    sim_conn *conn;   ///< NULL: refused, listening, or the process died
    int32_t side, port;
    bool listening, refused, at_end;
    sim_conn *backlog[16];
    int32_t n_backlog;
    struct sim_loop *loop;
    int32_t interest;
    sli_ready_fn fn;
    void *ctx;
};

struct sli_peer {
    sli_peer *next;
    sli_world *world;
    char *host;
    int32_t port;
    bool refuse, finishing;
    sli_str unsent;
    size_t handed; ///< of unsent
    int64_t taken;
    sim_conn *conn;
};

bool sli_sim_socket_readable(const sim_socket *socket);
bool sli_sim_socket_writable(const sim_socket *socket);
void sli_sim_sockets_die(sim_env *env); ///< every connection of the process breaks
void sli_sim_peers_free(sli_world *world);

// ---------------------------------------------------------------- processes and the world

struct sim_env {
    sl_env head;
    sim_env *next;
    sli_world *world;
    int64_t pid;
    sli_fault fault;
    sli_rng fault_rng;
    bool dead, fault_reached;
    int64_t calls, dead_calls;
    char phase[32];
    sim_thread main, *running;
    sim_thread *threads; ///< main first, then strands in order of making
    sim_socket *sockets;
    sli_process *process; ///< NULL: an ordinary one
    const void *claimed_by;
};

struct sli_process {
    sim_env *env;
    sim_fiber resumer;
    void (*main)(sl_env *env, void *ctx);
    void *ctx;
    int64_t allowance; ///< numbered calls until it must stop
    bool ended, stuck;
};

typedef struct sim_event {
    int64_t at_us;
    uint64_t order;
    sli_work_fn fn;
    void *ctx;
} sim_event;

typedef struct sim_command {
    const char *name;
    sli_command_fn run;
    void *ctx;
} sim_command;

typedef struct sim_module {
    const char *name;
    const sli_module *module;
} sim_module;

enum { SIM_N_COMMANDS = 16, SIM_N_MODULES = 16 };
enum { SIM_N_BUGS = 64, SIM_EVENT_LIMIT = 1 << 20, SIM_PRINT_LIMIT = 64 << 20 };

struct sli_world {
    sli_world_conf conf;
    sim_disk disk;
    int64_t mono_us, wall_offset_us;
    sli_rng turn_rng, fate_rng, net_rng,
        answer_rng; ///< apart, so that one kind of chance does not shift another
    uint64_t trace;
    int64_t n_pids;
    sim_env *envs;
    sli_peer *peers;
    sim_event *events; ///< a heap, the first at its top
    size_t n_events, events_capacity;
    uint64_t n_event_orders;
    sli_site sites[SIM_N_SITES];
    char *bugs[SIM_N_BUGS];
    int32_t n_bugs;
    sli_str printed[2];
    sim_command commands[SIM_N_COMMANDS];
    int32_t n_commands;
    sim_module modules[SIM_N_MODULES];
    int32_t n_modules;
    const sli_module *(*find_module)(void *ctx, const char *name); ///< NULL: there are no others
    void *find_ctx;
};

/// The next event's time; SLI_FOREVER when there is none.
int64_t sli_sim_world_next_event(const sli_world *world);
/// Moves time forward to `to_us` and calls the events on the way.
void sli_sim_world_move_to(sli_world *world, int64_t to_us);
_Noreturn void sli_sim_world_stuck(const sli_world *world);
void sli_sim_env_die(sim_env *env);
sim_env *sli_sim_env_new(sli_world *world, const sli_fault *fault, sl_error *err);

// ---------------------------------------------------------------- the gate every call passes

typedef struct sim_call {
    sim_env *env;
    sim_site site;
    uint64_t hash;
    bool died; ///< the process died at this very call: it may have had a part of its effect
    bool hurt; ///< this call was chosen to fail or to fall short
} sim_call;

/// SL_OK: do it. SL_E_CRASHED: dead, do nothing (but see `died`). Anything else: the failure to
/// return.
sl_code sli_sim_begin(sim_call *call, sim_env *env, sim_site site, sl_error *err);
void sli_sim_note(sim_call *call, const void *data,
                  size_t size); ///< an argument or a result, for the trace
void sli_sim_note_text(sim_call *call, const char *text);
void sli_sim_note_number(sim_call *call, int64_t number);
sl_code sli_sim_end(sim_call *call, sl_code rc); ///< returns rc
/// For sites that only answer: counts, adds to the trace. False when the process is dead.
bool sli_sim_answer(sim_env *env, sim_site site);
void sli_sim_sites_init(sli_site *sites);

// ---------------------------------------------------------------- the table's functions

sl_code sli_sim_file_open(sl_env *env, const char *path, sli_open_mode mode, sli_file **out,
                          sl_error *err);
sl_code sli_sim_file_read_at(sli_file *file, int64_t offset, void *out, size_t size, size_t *n_read,
                             sl_error *err);
sl_code sli_sim_file_write(sli_file *file, const void *data, size_t size, sl_error *err);
sl_code sli_sim_file_write_at(sli_file *file, int64_t offset, const void *data, size_t size,
                              sl_error *err);
sl_code sli_sim_file_sync(sli_file *file, sl_error *err);
sl_code sli_sim_file_truncate(sli_file *file, int64_t size, sl_error *err);
sl_code sli_sim_file_stat(sli_file *file, sli_stat *out, sl_error *err);
void sli_sim_file_close(sli_file *file);
sl_code sli_sim_lock_file(sl_env *env, const char *path, const char *text, sli_file **out,
                          sl_error *err);

sl_code sli_sim_stat(sl_env *env, const char *path, sli_stat *out, sl_error *err);
sl_code sli_sim_mkdirs(sl_env *env, const char *path, sl_error *err);
sl_code sli_sim_rename(sl_env *env, const char *from, const char *to, bool replace, sl_error *err);
sl_code sli_sim_remove(sl_env *env, const char *path, sl_error *err);
sl_code sli_sim_remove_dir(sl_env *env, const char *path, sl_error *err);
sl_code sli_sim_sync_dir(sl_env *env, const char *path, sl_error *err);
sl_code sli_sim_scan(sl_env *env, const char *path, sli_name_fn each, void *ctx, sl_error *err);
sl_code sli_sim_name_stat(sl_env *env, const sli_name *name, sli_stat *out, sl_error *err);

sli_signal *sli_sim_signal_new(sl_env *env);
void sli_sim_signal_free(sli_signal *signal);
void sli_sim_signal_set(sli_signal *signal);
sl_code sli_sim_signal_wait(sli_signal *signal, int64_t deadline_us, sl_error *err);
sli_strand *sli_sim_strand_new(sl_env *env, const char *name);
bool sli_sim_strand_post(sli_strand *strand, sli_work_fn work, void *ctx);
void sli_sim_strand_free(sli_strand *strand);

sl_code sli_sim_socket_connect(sl_env *env, const char *host, int32_t port, sli_socket **out,
                               sl_error *err);
sl_code sli_sim_socket_listen(sl_env *env, const char *host, int32_t port, sli_socket **out,
                              sl_error *err);
sl_code sli_sim_socket_accept(sli_socket *listener, sli_socket **out, sl_error *err);
int32_t sli_sim_socket_port(const sli_socket *socket);
sl_code sli_sim_socket_stdin(sl_env *env, sli_socket **out, sl_error *err);
sl_code sli_sim_socket_receive(sli_socket *socket, void *out, size_t size, size_t *n,
                               sl_error *err);
sl_code sli_sim_socket_send(sli_socket *socket, const void *data, size_t size, size_t *n,
                            sl_error *err);
sl_code sli_sim_socket_connected(sli_socket *socket, sl_error *err);
void sli_sim_socket_finish(sli_socket *socket);
void sli_sim_socket_close(sli_socket *socket);

// child.c
sl_code sli_sim_child_start(sl_env *env, const char *const *words, const char *const *variables,
                            sli_child **out, sl_error *err);
sl_code sli_sim_child_exchange(sli_child *child, sli_exchange *exchange, int64_t deadline_us,
                               sl_error *err);
void sli_sim_child_end_input(sli_child *child);
sl_text sli_sim_child_errors(const sli_child *child);
void sli_sim_child_free(sli_child *child);

sli_loop *sli_sim_loop_new(sl_env *env);
void sli_sim_loop_free(sli_loop *loop);
sl_code sli_sim_loop_watch(sli_loop *loop, sli_socket *socket, int32_t interest, sli_ready_fn fn,
                           void *ctx, sl_error *err);
void sli_sim_loop_unwatch(sli_loop *loop, sli_socket *socket);
sl_code sli_sim_loop_timer(sli_loop *loop, int64_t at_us, sli_ready_fn fn, void *ctx,
                           sl_error *err);
sl_code sli_sim_loop_run(sli_loop *loop, int64_t deadline_us, sl_error *err);
void sli_sim_loop_wake(sli_loop *loop);
int sli_sim_loop_fd(sli_loop *loop);
