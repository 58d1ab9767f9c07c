/// world.c — the world that outlives simulated processes: its clock, its events, its processes, the
/// harness's side.
#include "env/sim/sim_int.h"

#include <errno.h>
#include <stdio.h>

enum { NO_WALL = 0 };
static const int64_t default_wall_us = 1577836800000000; // 2020-01-01 00:00:00 UTC
static const int64_t first_pid = 100;

static sim_env *env_of(sl_env *env)
{
    return (sim_env *)env;
}

// ---------------------------------------------------------------- making and ending

sli_world *sli_world_new(const sli_world_conf *conf)
{
    sli_world *world = sl_alloc_zero(SLI_TAG_ENV, sizeof *world);
    if (world == NULL) {
        return NULL;
    }
    world->conf = *conf;
    world->wall_offset_us = conf->start_wall_us == NO_WALL ? default_wall_us : conf->start_wall_us;
    world->n_pids = first_pid;
    sli_rng seeds = {conf->seed};
    world->turn_rng.state = sli_rng_next(&seeds);
    world->fate_rng.state = sli_rng_next(&seeds);
    world->net_rng.state = sli_rng_next(&seeds);
    world->answer_rng.state = sli_rng_next(&seeds);
    world->trace = conf->seed;
    sli_sim_sites_init(world->sites);
    if (!sli_sim_disk_init(&world->disk, conf->disk_limit_bytes)) {
        sl_free(world);
        return NULL;
    }
    return world;
}

void sli_world_free(sli_world *world)
{
    if (world == NULL) {
        return;
    }
    SL_ASSERT(world->envs == NULL, "a world is freed while processes of it exist");
    sli_sim_peers_free(world);
    sli_sim_disk_reset(&world->disk);
    for (int32_t i = 0; i < world->n_bugs; i++) {
        sl_free(world->bugs[i]);
    }
    sli_str_reset(&world->printed[0]);
    sli_str_reset(&world->printed[1]);
    sl_free(world->events);
    sl_free(world);
}

sl_code sli_world_boot(sli_world *world, const sli_fault *fault, sl_env **out, sl_error *err)
{
    sim_env *env = sli_sim_env_new(world, fault, err);
    if (env == NULL) {
        return SL_E_NOMEM;
    }
    *out = &env->head;
    return SL_OK;
}

void sli_sim_env_die(sim_env *env)
{
    if (env->dead) {
        return;
    }
    env->dead = true;
    for (sim_inode *inode = env->world->disk.inodes; inode != NULL; inode = inode->next) {
        inode->lock_pid = inode->lock_pid == env->pid ? 0 : inode->lock_pid;
    }
    sli_sim_sockets_die(env);
}

void sli_world_kill(sl_env *env)
{
    sli_sim_env_die(env_of(env));
}

bool sli_world_is_dead(const sl_env *env)
{
    return ((const sim_env *)env)->dead;
}

void sli_world_power_loss(sli_world *world, bool lose_all)
{
    for (sim_env *env = world->envs; env != NULL; env = env->next) {
        sli_sim_env_die(env);
    }
    sli_sim_fate_power_loss(&world->disk, &world->fate_rng, lose_all);
}

int64_t sli_world_calls(const sl_env *env)
{
    return ((const sim_env *)env)->calls;
}

bool sli_world_fault_reached(const sl_env *env)
{
    return ((const sim_env *)env)->fault_reached;
}

const char *sli_world_phase(const sl_env *env)
{
    return ((const sim_env *)env)->phase;
}

uint64_t sli_world_trace(const sli_world *world)
{
    return world->trace;
}

int32_t sli_world_sites(const sli_world *world, const sli_site **out)
{
    *out = world->sites;
    return SIM_N_SITES;
}

void sli_world_plant(sli_world *world, const char *bug)
{
    SL_ASSERT(world->n_bugs < SIM_N_BUGS, "too many planted bugs");
    char *copy = sl_strdup(SLI_TAG_ENV, bug);
    SL_ASSERT(copy != NULL, "no memory to plant a bug");
    world->bugs[world->n_bugs++] = copy;
}

bool sli_world_module(sli_world *world, const char *name, const sli_module *module)
{
    int32_t i = 0;
    while (i < world->n_modules && strcmp(world->modules[i].name, name) != 0) {
        i++;
    }
    if (i == SIM_N_MODULES) {
        return false;
    }
    world->modules[i] = (sim_module){name, module};
    world->n_modules += i == world->n_modules ? 1 : 0;
    return true;
}

const sli_module *sli_world_module_of(const sl_env *env, const char *name)
{
    const sli_world *world = ((const sim_env *)env)->world;
    for (int32_t i = 0; i < world->n_modules; i++) {
        if (strcmp(world->modules[i].name, name) == 0) {
            return world->modules[i].module;
        }
    }
    return world->find_module == NULL ? NULL : world->find_module(world->find_ctx, name);
}

void sli_world_find_modules(sli_world *world,
                            const sli_module *(*find)(void *ctx, const char *name), void *ctx)
{
    world->find_module = find;
    world->find_ctx = ctx;
}

sli_rng sli_world_rng(const sli_world *world, const char *what)
{
    return (sli_rng){sli_mix64(world->conf.seed ^ sli_hash64(what, strlen(what)))};
}

void sli_world_break_locks(sli_world *world)
{
    for (sim_inode *inode = world->disk.inodes; inode != NULL; inode = inode->next) {
        inode->lock_pid = 0;
    }
}

const char *sli_world_printed(const sli_world *world, int fd, size_t *size)
{
    SL_ASSERT(fd == 1 || fd == 2, "only standard output and error are printed to");
    const sli_str *text = &world->printed[fd - 1];
    *size = text->size;
    return text->data == NULL ? "" : text->data;
}

// ---------------------------------------------------------------- time

int64_t sli_world_mono_us(const sli_world *world)
{
    return world->mono_us;
}

static bool event_before(const sim_event *a, const sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

/// Takes the first event out of the heap and mends it.
static sim_event event_pop(sli_world *world)
{
    sim_event first = world->events[0], last = world->events[--world->n_events];
    size_t i = 0;
    for (size_t below = 1; below < world->n_events; below = 2 * i + 1) {
        if (below + 1 < world->n_events &&
            event_before(&world->events[below + 1], &world->events[below])) {
            below++;
        }
        if (event_before(&last, &world->events[below])) {
            break;
        }
        world->events[i] = world->events[below];
        i = below;
    }
    world->events[i] = last;
    return first;
}

static void event_push(sli_world *world, sim_event event)
{
    size_t i = world->n_events++;
    while (i > 0 && event_before(&event, &world->events[(i - 1) / 2])) {
        world->events[i] = world->events[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    world->events[i] = event;
}

int64_t sli_sim_world_next_event(const sli_world *world)
{
    return world->n_events == 0 ? SLI_FOREVER : world->events[0].at_us;
}

void sli_sim_world_move_to(sli_world *world, int64_t to_us)
{
    while (world->n_events > 0 && world->events[0].at_us <= to_us) {
        sim_event event = event_pop(world);
        if (event.at_us > world->mono_us) {
            world->mono_us = event.at_us;
        }
        event.fn(event.ctx);
    }
    if (to_us > world->mono_us) {
        world->mono_us = to_us;
    }
}

void sli_world_advance(sli_world *world, int64_t us)
{
    sli_sim_world_move_to(world, world->mono_us + us);
}

void sli_world_disk_limit(sli_world *world, int64_t bytes)
{
    world->disk.limit_bytes = bytes;
}

void sli_world_jump_wall(sli_world *world, int64_t us)
{
    world->wall_offset_us += us;
}

sl_code sli_world_at(sli_world *world, int64_t mono_us, sli_work_fn fn, void *ctx, sl_error *err)
{
    if (world->n_events == SIM_EVENT_LIMIT) {
        return sl_error_set(err, SL_E_INVALID, "more than %d events wait in one world",
                            SIM_EVENT_LIMIT);
    }
    if (world->n_events == world->events_capacity) {
        size_t capacity = world->events_capacity == 0 ? 16 : world->events_capacity * 2;
        sim_event *events = sl_realloc(SLI_TAG_ENV, world->events, capacity * sizeof *events);
        if (events == NULL) {
            return sl_error_nomem(err, capacity * sizeof *events, "events of a world");
        }
        world->events = events;
        world->events_capacity = capacity;
    }
    event_push(world, (sim_event){mono_us, world->n_event_orders++, fn, ctx});
    return SL_OK;
}

void sli_sim_world_stuck(const sli_world *world)
{
    char why[160];
    snprintf(why, sizeof why,
             "every thread of the process waits for ever (world seed %llu, at %lld us)",
             (unsigned long long)world->conf.seed, (long long)world->mono_us);
    SL_ASSERT(false, why);
    __builtin_unreachable();
}

// ---------------------------------------------------------------- the disk as the harness sees it

static sl_code tell(sl_error *err, int why, const char *path)
{
    return why == 0 ? SL_OK
                    : sl_error_sys(err, why == ENOMEM ? SL_E_NOMEM : SL_OK, why,
                                   "%s: in the simulated world", path);
}

static sl_code find_file(sli_world *world, const char *path, sim_inode **out, sl_error *err)
{
    sim_place at;
    int why = sli_sim_disk_find(&world->disk, path, &at);
    if (why == 0) {
        why = at.inode == NULL ? ENOENT : at.inode->is_dir ? EISDIR : 0;
    }
    *out = at.inode;
    return tell(err, why, path);
}

/// Makes the names on the way to `path` and its own durable.
static void settle_names(sli_world *world, const char *path)
{
    char part[4096];
    size_t size = strlen(path);
    SL_ASSERT(size < sizeof part, "a path that long was refused before");
    for (size_t end = 1; end <= size; end++) {
        if (end == size || path[end] == '/') {
            memcpy(part, path, end);
            part[end] = '\0';
            sim_place at;
            if (sli_sim_disk_find(&world->disk, part, &at) == 0 && at.inode != NULL) {
                sli_sim_disk_sync_all_names(&world->disk, at.inode);
            }
        }
    }
}

static int put_bytes(sli_world *world, const char *path, const void *data, size_t size)
{
    char parent[4096] = {0};
    const char *slash = strrchr(path, '/');
    size_t parent_size = slash == NULL ? 0 : (size_t)(slash - path);
    if (strlen(path) >= sizeof parent) {
        return ENAMETOOLONG;
    }
    memcpy(parent, path, parent_size);
    int why = sli_sim_disk_mkdirs(world, parent);
    sim_place at;
    if (why == 0) {
        why = sli_sim_disk_find(&world->disk, path, &at);
    }
    if (why == 0 && at.inode == NULL) {
        why = sli_sim_disk_make(&world->disk, &at, false, 0, &at.inode);
    }
    if (why == 0 && at.inode->is_dir) {
        why = EISDIR;
    }
    if (why != 0) {
        return why;
    }
    sli_sim_changes_reset(at.inode);
    why = sli_sim_inode_resize(&world->disk, at.inode, (int64_t)size);
    if (why == 0) {
        if (size > 0) {
            memcpy(at.inode->data, data, size);
        }
        at.inode->modified_us = world->mono_us + world->wall_offset_us;
        settle_names(world, path);
    }
    return why;
}

sl_code sli_world_put(sli_world *world, const char *path, const void *data, size_t size,
                      sl_error *err)
{
    return tell(err, put_bytes(world, path, data, size), path);
}

sl_code sli_world_read(sli_world *world, const char *path, char **out, size_t *size, sl_error *err)
{
    sim_inode *inode = NULL;
    SL_TRY(find_file(world, path, &inode, err));
    char *copy = sl_alloc(SLI_TAG_ENV, (size_t)inode->size + 1);
    if (copy == NULL) {
        return sl_error_nomem(err, (size_t)inode->size + 1, path);
    }
    if (inode->size > 0) {
        memcpy(copy, inode->data, (size_t)inode->size);
    }
    copy[inode->size] = '\0';
    *out = copy;
    *size = (size_t)inode->size;
    return SL_OK;
}

sl_code sli_world_remove(sli_world *world, const char *path, sl_error *err)
{
    sim_place at;
    int why = sli_sim_disk_find(&world->disk, path, &at);
    if (why == 0 && at.inode != NULL) {
        sli_sim_disk_sync_all_names(&world->disk,
                                    at.inode); // what led to it; its own removal follows
        sim_inode *inode = at.inode;
        inode->pins++;
        why = sli_sim_disk_remove(&world->disk, path, inode->is_dir);
        sli_sim_disk_sync_all_names(&world->disk, inode);
        inode->pins--;
        sli_sim_inode_release(&world->disk, inode);
    } else if (why == 0) {
        why = ENOENT;
    }
    return tell(err, why, path);
}

sl_code sli_world_rename(sli_world *world, const char *from, const char *to, sl_error *err)
{
    int why = sli_sim_disk_move(&world->disk, from, to, true);
    if (why == 0) {
        settle_names(world, to);
    }
    return tell(err, why, from);
}

sl_code sli_world_touch(sli_world *world, const char *path, int64_t modified_us, sl_error *err)
{
    sim_inode *inode = NULL;
    SL_TRY(find_file(world, path, &inode, err));
    inode->modified_us = modified_us;
    return SL_OK;
}

sl_code sli_world_list(sli_world *world, const char *dir, sli_list_fn each, void *ctx,
                       sl_error *err)
{
    sim_place at;
    int why = sli_sim_disk_find(&world->disk, dir, &at);
    if (why == 0) {
        why = at.inode == NULL ? ENOENT : at.inode->is_dir ? 0 : ENOTDIR;
    }
    SL_TRY(tell(err, why, dir));
    sli_str names = SLI_STR_INIT; // a copy: `each` may change the directory
    for (size_t i = 0; i < at.inode->n_entries; i++) {
        sli_str_add(&names, at.inode->entries[i].name, strlen(at.inode->entries[i].name) + 1);
    }
    sl_code rc = sli_str_check(&names, dir, err);
    for (size_t i = 0; rc == SL_OK && i < names.size; i += strlen(names.data + i) + 1) {
        rc = each(ctx, names.data + i, err);
    }
    sli_str_reset(&names);
    return rc;
}

sl_code sli_world_flip(sli_world *world, const char *path, int64_t offset, uint8_t mask,
                       sl_error *err)
{
    sim_inode *inode = NULL;
    SL_TRY(find_file(world, path, &inode, err));
    if (offset < 0 || offset >= inode->size) {
        return sl_error_set(err, SL_E_INVALID, "%s: no byte at %lld", path, (long long)offset);
    }
    sli_sim_inode_sync(inode);
    inode->data[offset] ^= mask;
    return SL_OK;
}

sl_code sli_world_cut(sli_world *world, const char *path, int64_t size, sl_error *err)
{
    sim_inode *inode = NULL;
    SL_TRY(find_file(world, path, &inode, err));
    if (size < 0 || size > inode->size) {
        return sl_error_set(err, SL_E_INVALID, "%s: has no %lld bytes", path, (long long)size);
    }
    sli_sim_changes_reset(inode);
    return tell(err, sli_sim_inode_resize(&world->disk, inode, size), path);
}
