/// env.h — the only door to the outside: clocks, files, sockets, threads of control, randomness,
/// the process itself.
///
/// Two implementations of one table: `posix/` is the real world; `sim/` (sim.h) is a simulated one,
/// in which a whole job, from the same objects as the release build, runs from one seed with
/// virtual time, disks that lose or tear what was not synced, and crashes at every call. So nothing
/// outside this folder calls the system.
///
/// Threads of control are *strands*: serial queues of work. In posix each strand is a thread; in
/// sim they are stepped in seeded order whenever the running one waits. Code above env therefore
/// waits only through sli_signal_wait, and shares only what it would share between threads.
///
/// Every call here may fail with SL_E_CRASHED in simulation: the simulated process is dead, and
/// nothing it does from then on has any effect; callers just unwind. Paths are UTF-8, absolute or
/// relative to the process's directory.
#pragma once

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "env/sites.h"

typedef struct sl_env sl_env;
typedef struct sli_file sli_file;
typedef struct sli_socket sli_socket;
typedef struct sli_strand sli_strand;
typedef struct sli_signal sli_signal;
typedef struct sli_loop sli_loop;
typedef struct sli_child sli_child;

#define SLI_FOREVER INT64_MAX

// ---------------------------------------------------------------- time and chance

/// Microseconds since 1970 UTC; may jump. Only for batch times and file ages.
int64_t sli_env_wall_us(sl_env *env);
/// Microseconds since some start; never goes back. For deadlines and durations.
int64_t sli_env_mono_us(sl_env *env);
/// CPU microseconds (user + system) of the whole process; 0 in simulation.
int64_t sli_env_cpu_us(sl_env *env);
/// Unpredictable bytes (job ids). Seeded in simulation.
sl_code sli_env_random(sl_env *env, void *out, size_t size, sl_error *err);

/// A random id: 32 hex digits and a zero.
sl_code sli_env_random_id(sl_env *env, char out[33], sl_error *err);

// ---------------------------------------------------------------- files
//
// Data and name become durable separately: sli_file_sync for the bytes, sli_env_sync_dir for the
// names of a directory.

typedef enum sli_open_mode {
    SLI_READ = 1,    ///< must exist
    SLI_CREATE = 2,  ///< write; must not exist (SL_E_EXISTS)
    SLI_APPEND = 3,  ///< write at the end; created when missing
    SLI_REPLACE = 4, ///< write; truncated when it exists
    SLI_UPDATE = 5,  ///< read and write anywhere; created when missing
} sli_open_mode;

typedef struct sli_stat {
    int64_t size_bytes, modified_us; ///< microseconds since 1970 UTC
    uint64_t identity; ///< differs for files that are not the same (device and inode, mixed)
    bool is_dir, is_file;
} sli_stat;

/// *out belongs to the caller until sli_file_close. Blocks: yes (disk). Thread: any; one thread at
/// a time per file, except sli_file_read_at, which any number may call at once. Fails:
/// SL_E_NOT_FOUND, SL_E_EXISTS, SL_E_NO_SPACE, SL_E_IO; texts name the path.
sl_code sli_file_open(sl_env *env, const char *path, sli_open_mode mode, sli_file **out,
                      sl_error *err);
/// Reads up to `size` bytes at `offset`; *n_read < size only at the end of the file.
sl_code sli_file_read_at(sli_file *file, int64_t offset, void *out, size_t size, size_t *n_read,
                         sl_error *err);
/// Appends (SLI_CREATE, SLI_APPEND, SLI_REPLACE): all or an error; after an error the file's tail
/// is undefined.
sl_code sli_file_write(sli_file *file, const void *data, size_t size, sl_error *err);
/// Writes at an offset (SLI_UPDATE).
sl_code sli_file_write_at(sli_file *file, int64_t offset, const void *data, size_t size,
                          sl_error *err);
/// Makes the bytes durable (fdatasync). A failed sync must not be retried: what it lost is unknown.
sl_code sli_file_sync(sli_file *file, sl_error *err);
sl_code sli_file_truncate(sli_file *file, int64_t size, sl_error *err);
sl_code sli_file_stat(sli_file *file, sli_stat *out, sl_error *err);
void sli_file_close(sli_file **file); ///< accepts a NULL file, sets it to NULL

/// The whole file in memory that the caller frees with sl_free, ended by a zero that is not
/// counted. SL_E_NOMEM when it is over `limit_bytes`.
sl_code sli_env_read_file(sl_env *env, const char *path, int64_t limit_bytes, char **out,
                          size_t *size, sl_error *err);
/// Temp name beside it ("PATH.PID-N.tmp"; a crash may leave one behind), write, sync, rename over,
/// directory sync: after a crash the old or the new content is there. The directory must exist.
sl_code sli_env_write_file(sl_env *env, const char *path, const void *data, size_t size,
                           sl_error *err);

sl_code sli_env_stat(sl_env *env, const char *path, sli_stat *out,
                     sl_error *err); ///< SL_E_NOT_FOUND
sl_code sli_env_mkdirs(sl_env *env, const char *path,
                       sl_error *err); ///< and its parents; not synced
/// Atomic. With `replace` false a target that exists is SL_E_EXISTS (and stays as it is).
sl_code sli_env_rename(sl_env *env, const char *from, const char *to, bool replace, sl_error *err);
sl_code sli_env_remove(sl_env *env, const char *path, sl_error *err); ///< a file; SL_E_NOT_FOUND
sl_code sli_env_remove_dir(sl_env *env, const char *path, sl_error *err); ///< an empty directory
sl_code sli_env_sync_dir(sl_env *env, const char *path, sl_error *err);
/// A second name for a file; `to` must not be there. SL_E_UNSUPPORTED where the filesystem, or the
/// simulated disk, has none: copy then.
sl_code sli_env_link(sl_env *env, const char *from, const char *to, sl_error *err);
/// Calls `each` for the names in a directory, in byte order of names, without "." and "..". Stops
/// when `each` fails.
typedef sl_code (*sli_list_fn)(void *ctx, const char *name, sl_error *err);
sl_code sli_env_list(sl_env *env, const char *path, sli_list_fn each, void *ctx, sl_error *err);
/// A name as a listing alone tells of it: for directories so large that a look at each file costs
/// most of the time.
typedef enum sli_name_kind {
    SLI_NAME_UNKNOWN = 0, ///< only a look tells: a link, or a file system that does not say
    SLI_NAME_FILE,
    SLI_NAME_DIR,
    SLI_NAME_OTHER, ///< a pipe, a socket, a device
} sli_name_kind;
typedef struct sli_name {
    const char *name; ///< lives for the call
    /// Of a file: that of sli_stat, or (a file that is mounted, file systems laid over each other)
    /// one that no look ever gives. 0 when it is not known.
    uint64_t identity;
    sli_name_kind kind;
    const void *dir; ///< the listing it is of; env's own
} sli_name;
typedef sl_code (*sli_name_fn)(void *ctx, const sli_name *name, sl_error *err);
/// As sli_env_list.
sl_code sli_env_scan(sl_env *env, const char *path, sli_name_fn each, void *ctx, sl_error *err);
/// A look at what a name stands for, as sli_env_stat. Only within the call that told the name.
sl_code sli_name_stat(sl_env *env, const sli_name *name, sli_stat *out, sl_error *err);
/// An advisory lock on a file (created when missing), held until sli_file_close or the end of the
/// process, also by kill -9. SL_E_BUSY with the holder's pid when somebody has it, this process
/// too. The file then holds "pid N\n" and `text` (may be NULL), for people; it is not synced.
sl_code sli_env_lock_file(sl_env *env, const char *path, const char *text, sli_file **out,
                          sl_error *err);

// ---------------------------------------------------------------- strands and signals

/// Something to wait for: a counter of "something happened". Set from any thread, waited for by
/// one.
sli_signal *sli_signal_new(sl_env *env); ///< NULL without memory
void sli_signal_free(SL_TAKES sli_signal *signal);
/// In the real world also from a signal handler: it is one atomic exchange and at most one system
/// call.
void sli_signal_set(sli_signal *signal);
/// Returns SL_OK when it was set since the last wait returned (at once when it is set already),
/// SL_E_TIMEOUT when mono time reached `deadline_us` first. In simulation other strands run
/// meanwhile and virtual time moves on.
sl_code sli_signal_wait(sli_signal *signal, int64_t deadline_us, sl_error *err);

/// Whatever the running thread of control wants to find again: each strand, and the thread that
/// made the env, has its own. NULL at first. Readable in a signal handler.
extern _Thread_local const void *volatile sli_strand_own;

typedef void (*sli_work_fn)(void *ctx);
/// A serial queue with a thread of its own. `name` (at most 15 bytes) shows in debuggers. NULL
/// without memory or threads.
sli_strand *sli_strand_new(sl_env *env, const char *name);
/// Runs `work` after all that was posted before. Thread: any. False without memory, or when the
/// queue holds `limit` works (65,536): nothing was posted.
bool sli_strand_post(sli_strand *strand, sli_work_fn work, void *ctx) SL_MUST_USE;
/// Waits until everything posted has run, ends the thread, frees. Not from a work of this strand.
/// Accepts NULL.
void sli_strand_free(SL_TAKES sli_strand *strand);

// ---------------------------------------------------------------- sockets and the loop
//
// Receivers are state machines: the loop calls them when a descriptor is ready or a time has come;
// they never block. The loop runs on a strand of its own, or is stepped by whoever owns the thread
// (embedding in a foreign event loop).

/// Begins to connect (TCP, IPv4 and IPv6, name resolution may block briefly). *out is the caller's.
/// "localhost" and numbers resolve without the network. The connection is made when the socket
/// becomes writable.
sl_code sli_socket_connect(sl_env *env, const char *host, int32_t port, sli_socket **out,
                           sl_error *err);
/// A listening socket; port 0 picks one (sli_socket_port).
sl_code sli_socket_listen(sl_env *env, const char *host, int32_t port, sli_socket **out,
                          sl_error *err);
/// SL_E_TIMEOUT when nobody waits.
sl_code sli_socket_accept(sli_socket *listener, sli_socket **out, sl_error *err);
int32_t sli_socket_port(const sli_socket *socket);
/// Standard input as a readable socket, whatever it is (file, pipe, terminal).
sl_code sli_socket_stdin(sl_env *env, sli_socket **out, sl_error *err);
/// What has arrived, at most `size` bytes. *n 0 with SL_OK: nothing now. SL_E_END: closed by the
/// peer.
sl_code sli_socket_receive(sli_socket *socket, void *out, size_t size, size_t *n, sl_error *err);
/// Sends what fits now. Also tells, after a connect became writable, whether it worked.
sl_code sli_socket_send(sli_socket *socket, const void *data, size_t size, size_t *n,
                        sl_error *err);
/// The outcome of a connect: SL_OK, SL_E_TIMEOUT while it goes on, SL_E_IO with the reason.
sl_code sli_socket_connected(sli_socket *socket, sl_error *err);
/// Says that nothing more will be sent; what still comes can be received.
void sli_socket_finish(sli_socket *socket);
void sli_socket_close(sli_socket **socket); ///< accepts NULL; also takes it out of its loop

typedef enum sli_ready { SLI_READABLE = 1, SLI_WRITABLE = 2 } sli_ready;
typedef void (*sli_ready_fn)(
    void *ctx, int32_t ready); ///< `ready`: bits of sli_ready; 0 when called for a time

sli_loop *sli_loop_new(sl_env *env);
void sli_loop_free(SL_TAKES sli_loop *loop); ///< sockets must have been taken out
/// At most 4,096 sockets and 4,096 timers a loop (SL_E_INVALID beyond).
///
/// Calls `fn` while `socket` is ready for `interest` (bits; 0 = not now). Again with another
/// interest changes it. Thread: the one that runs the loop, except before the first run.
sl_code sli_loop_watch(sli_loop *loop, sli_socket *socket, int32_t interest, sli_ready_fn fn,
                       void *ctx, sl_error *err);
void sli_loop_unwatch(sli_loop *loop, sli_socket *socket);
/// Calls `fn` once when mono time reaches `at_us`. One timer per (fn, ctx): a second call moves it;
/// SLI_FOREVER removes it.
sl_code sli_loop_timer(sli_loop *loop, int64_t at_us, sli_ready_fn fn, void *ctx, sl_error *err);
/// Runs what is ready; waits for something until `deadline_us` (mono) first. Returns after at most
/// one round.
sl_code sli_loop_run(sli_loop *loop, int64_t deadline_us, sl_error *err);
/// Makes a running sli_loop_run return. Thread: any.
void sli_loop_wake(sli_loop *loop);
/// A descriptor that is readable when sli_loop_run has something to do (posix: the epoll
/// descriptor; from this call on due timers make it readable too; sockets that are always ready,
/// files, do not); -1 in simulation.
int sli_loop_fd(sli_loop *loop);

// ---------------------------------------------------------------- programs that we start

/// Starts a program. words[0] is its name, looked up in PATH when it has no slash, or its path; the
/// list ends with a NULL. `variables` ("NAME=value", NULL-ended; NULL: none) go before those of
/// this process, which it gets too. *out is the caller's; one thread at a time uses it. Thread:
/// any. Fails: SL_E_NOT_FOUND, SL_E_IO, SL_E_NOMEM.
sl_code sli_child_start(sl_env *env, const char *const *words, const char *const *variables,
                        sli_child **out, sl_error *err);
typedef struct sli_exchange {
    const void *in; ///< for its standard input
    size_t in_size;
    void *out; ///< what it writes to standard output
    size_t out_size;
    // ---- filled in
    size_t n_in, n_out; ///< what was moved
    bool ended;         ///< it has ended, and all output was taken
    int32_t status;     ///< then: its exit code, or 128 and the signal that ended it
} sli_exchange;
/// Moves bytes both ways, as many as can be moved at once, so that neither side waits for the
/// other; waits until some can be, the program has ended, or mono time reaches `deadline_us` (then
/// nothing was moved). A program that has closed its input takes everything and gets nothing of it.
/// Of what it writes to standard error the last bytes are kept. Blocks: yes. Fails: SL_E_IO.
sl_code sli_child_exchange(sli_child *child, sli_exchange *exchange, int64_t deadline_us,
                           sl_error *err);
void sli_child_end_input(sli_child *child); ///< no more comes: it reads the end of the file
enum { SLI_CHILD_ERRORS = 2048 };
/// The last bytes, SLI_CHILD_ERRORS at most, of its standard error so far; live as long as it.
sl_text sli_child_errors(const sli_child *child);
/// Ends it and what it has started by SIGKILL when it runs, waits for it, frees. Accepts NULL, sets
/// it to NULL.
void sli_child_free(sli_child **child);

// ---------------------------------------------------------------- calls that env does not make

/// Announces a call of a client library that meets the outside without env, as librdkafka does, so
/// that crashes and failures can be tried there too. To be called right before, by whoever holds
/// the library behind a contract, and not while holding a mutex. SL_OK: make the call. Else the
/// call must not be made, and its caller gets this failure for it. In the real world SL_OK at once,
/// unless SLUICE_FAULT names this call. Thread: any.
sl_code sli_env_outside(sl_env *env, sli_outside what, sl_error *err);

// ---------------------------------------------------------------- the process

/// Processors this process may use, >= 1: those of its affinity mask, or the quota of its control
/// groups, rounded up, where that is less. In simulation as the world says.
int32_t sli_env_cpus(sl_env *env);
/// Bytes of memory this process may use: the machine's, or the least that a control group of it
/// allows. In simulation as the world says.
int64_t sli_env_memory_bytes(sl_env *env);
int64_t sli_env_pid(sl_env *env);
/// Whether the process runs in a simulated world: libraries that reach files by themselves must
/// not do so.
bool sli_env_is_simulated(const sl_env *env);
/// Names the thread of control that calls: equal numbers are the same one. Never 0; of a thread
/// that has ended the number may come again. Must not reach a result.
uint64_t sli_env_thread(sl_env *env);
/// The one place of its kind in the process: false when another `owner` has it, whatever its env.
/// Thread: any.
bool sli_env_claim(sl_env *env, const void *owner) SL_MUST_USE;
void sli_env_unclaim(sl_env *env, const void *owner); ///< nothing happens when it has it not
/// Writes to standard output (1) or error (2), whole; a closed pipe is SL_E_IO, never a signal.
sl_code sli_env_print(sl_env *env, int fd, const void *data, size_t size, sl_error *err);
bool sli_env_is_terminal(sl_env *env, int fd);
/// NULL when unset; always NULL in simulation.
const char *sli_env_variable(sl_env *env, const char *name);
/// Loads a shared object, for good, and gives the address of a symbol in it. SL_E_UNSUPPORTED with
/// the loader's reason when it can't be loaded, and in simulation; SL_E_INCOMPATIBLE without the
/// symbol.
sl_code sli_env_load(sl_env *env, const char *path, const char *symbol, void **out, sl_error *err);
/// Appends the directory of libsluice, or of the program that is linked with libsluice.a.
/// SL_E_UNSUPPORTED in simulation.
sl_code sli_env_code_dir(sl_env *env, sli_str *out, sl_error *err);
/// Bytes of memory resident now; 0 when unknown.
int64_t sli_env_resident_bytes(sl_env *env);
/// Tells the service manager that started this process something: lines VARIABLE=VALUE, as one
/// datagram to the socket that NOTIFY_SOCKET names (systemd's protocol). SL_OK when nobody asked.
/// Thread: any. Blocks: up to 5 s when the manager does not read. Fails: SL_E_CONFIG for an
/// impossible NOTIFY_SOCKET, SL_E_IO.
sl_code sli_env_notify(sl_env *env, const char *lines, sl_error *err);

/// Watches for SIGTERM, SIGINT and SIGHUP in the real process: `fn` is called on a thread of its
/// own with 1, 2, ... for each that came. To be called before other threads are made, so that they
/// inherit the blocked signals; one at a time.
typedef struct sli_terminate sli_terminate;
sl_code sli_terminate_watch(sli_terminate **out, void (*fn)(void *ctx, int32_t count), void *ctx,
                            sl_error *err);
void sli_terminate_end(
    SL_TAKES sli_terminate *watch); ///< accepts NULL; the signals act as before again

/// A crash of this process (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT): `fill` writes one line of at
/// most `size` bytes that says where it happened; it is called in the signal handler, on the thread
/// that crashed, and may do nothing but look at memory. The line goes to standard error and, when
/// `path` isn't NULL, into that file (made at once, so that the handler needs no name look-up).
/// Then the process ends by the same signal. One at a time.
typedef size_t (*sli_crash_fn)(int signal_number, char *out, size_t size);
sl_code sli_crash_watch(sl_env *env, const char *path, sli_crash_fn fill, sl_error *err);
/// Signals act as before; the file is removed when nothing was written.
void sli_crash_end(sl_env *env, const char *path);

// ---------------------------------------------------------------- which world

/// The real world. One a process is enough; several are allowed.
sl_code sli_env_posix(sl_env **out, sl_error *err);
void sli_env_free(SL_TAKES sl_env *env);

/// For developers: one outside call of this env fails, or ends the process as kill -9 does. `text`
/// is "SITE:N", "SITE:N:enospc" or "SITE:N:crash", as README.md tells; it is also that of
/// SLUICE_FAULT. To be called before anything else uses the env. Fails: SL_E_CONFIG, naming the
/// nearest site.
sl_code sli_env_fault(sl_env *env, const char *text, sl_error *err);

/// Test-only switches of planted protocol mistakes (tests/sim): true only in a simulated world that
/// was told to have `bug`. In the real world always false.
bool sli_env_bug(sl_env *env, const char *bug);
/// Says where the process is, for kill statistics and traces: "fetch" "stage" "seal" "log" "commit"
/// "forget". In the real world it is stored where a test can read it from outside (a file named by
/// SLUICE_PHASE_FILE), else nothing.
void sli_env_phase(sl_env *env, const char *phase);

/// What both worlds implement; only files in env/ see it.
typedef struct sli_env_ops sli_env_ops;
