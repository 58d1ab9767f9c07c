/// roll.c — committed groups gathered into larger files. README.md draws it and says why so.
///
/// A group's commit moves it into held/GENERATION, by the rename that publishes it elsewhere; there
/// it is committed and durable. When a file is due, what is held is copied into one, which is
/// published by the same rename; only when its name is durable the held groups go. What is held up
/// to the last group published is a leftover of that order, and is passed over. So a group is in
/// exactly one file, wherever a crash comes.
///
/// A newer driver takes the directory over by renaming it. Everything an older one renames starts
/// or ends in that directory, so from then on it publishes nothing.
#include "sink/file/file_int.h"

#include <inttypes.h>

#include "base/arena.h"

static const char roll_name[] = "roll"; // in a held directory: a file being written
enum {
    MAX_NAME = 96, // of a held group: three numbers and an extension
    RIVALS = 8     // older drivers that may be taking over at this very moment
};

// ---------------------------------------------------------------- generations

typedef struct lives {
    int64_t own; // the generation that asks
    bool has_own;
    int64_t older, newest; // 0: none
} lives;

static sl_code see_life(void *ctx, const sli_fs_entry *entry, sl_error *err)
{
    (void)err;
    lives *l = ctx;
    int64_t generation = 0;
    if (entry->is_dir && sli_scan_int64(sli_text_of(entry->name), &generation, NULL) == SL_OK) {
        l->has_own = l->has_own || generation == l->own;
        l->newest = generation > l->newest ? generation : l->newest;
        l->older = generation < l->own && generation > l->older ? generation : l->older;
    }
    return SL_OK;
}

static sl_code superseded(const sli_rolls *rolls, sl_error *err)
{
    return sl_error_set(err, SL_E_SUPERSEDED,
                        "%s: a newer driver of this job has taken over (this is generation %" PRId64
                        ")",
                        rolls->names->held_dir, rolls->generation);
}

/// After a failure: once a newer driver has taken the directory over nothing works here any more,
/// and that is the reason to tell.
static sl_code explain(const sli_rolls *rolls, sl_code rc, sl_error *err)
{
    lives l = {.own = rolls->generation};
    if (rc == SL_OK ||
        rolls->fs->ops->list(rolls->fs, rolls->names->held_dir, see_life, &l, NULL) != SL_OK ||
        l.newest <= rolls->generation) {
        return rc;
    }
    return superseded(rolls, err);
}

/// The fence, one try: SL_E_NOT_FOUND when another driver was quicker. At most one older directory
/// holds anything, since each driver takes that one over or, when there is none, makes its own.
static sl_code take_over_once(const sli_rolls *rolls, sl_arena *arena, sl_error *err)
{
    const sli_fs_ops *fs = rolls->fs->ops;
    lives l = {.own = rolls->generation};
    SL_TRY(fs->list(rolls->fs, rolls->names->held_dir, see_life, &l, err));
    if (l.newest > rolls->generation) {
        return superseded(rolls, err);
    }
    if (l.has_own) {
        return SL_OK; // by an earlier try
    }
    if (l.older == 0) {
        return fs->mkdirs(rolls->fs, rolls->dir, err);
    }
    const char *from = sl_arena_printf(arena, "%s/%" PRId64, rolls->names->held_dir, l.older);
    return from == NULL ? sl_error_nomem(err, strlen(rolls->dir), "a held directory's path")
                        : fs->rename(rolls->fs, from, rolls->dir, err);
}

static sl_code take_over(const sli_rolls *rolls, sl_arena *arena, sl_error *err)
{
    sl_code rc = take_over_once(rolls, arena, err);
    for (int32_t i = 0; rc == SL_E_NOT_FOUND && i < RIVALS; i++) {
        rc = take_over_once(rolls, arena, err);
    }
    return rc;
}

static sl_code see_last(void *ctx, const sli_fs_entry *entry, sl_error *err)
{
    (void)err;
    int64_t *last = ctx;
    sli_held_name held;
    if (sli_held_name_parse(entry->name, &held) && held.group > *last) {
        *last = held.group;
    }
    return SL_OK;
}

/// Whether an earlier life held groups; else nothing is made for jobs that don't.
static sl_code was_used(const sli_rolls *rolls, bool *used, sl_error *err)
{
    sli_fs_entry entry;
    sl_error none = SL_ERROR_INIT;
    sl_code rc = rolls->fs->ops->stat(rolls->fs, rolls->names->held_dir, &entry, &none);
    *used = rc == SL_OK;
    if (rc != SL_OK && rc != SL_E_NOT_FOUND && err != NULL) {
        *err = none;
    }
    return rc == SL_E_NOT_FOUND ? SL_OK : rc;
}

/// Fences, then makes durable what older drivers did until a moment ago, maybe without a sync.
static sl_code open_dir(const sli_rolls *rolls, sl_arena *arena, sl_error *err)
{
    const sli_fs_ops *fs = rolls->fs->ops;
    const sli_file_names *names = rolls->names;
    SL_TRY(sli_sink_make_dir(rolls->fs, names->held_dir, err));
    SL_TRY(take_over(rolls, arena, err));
    SL_TRY(fs->sync_dir(rolls->fs, names->held_dir, err));
    SL_TRY(fs->sync_dir(rolls->fs, rolls->dir, err));
    return fs->sync_dir(rolls->fs, names->dir, err);
}

sl_code sli_rolls_recover(sli_rolls *rolls, sl_arena *arena, int64_t *last, sl_error *err)
{
    bool used = rolls->limits.on;
    *last = 0;
    if (!used) {
        SL_TRY(was_used(rolls, &used, err));
    }
    if (!used) {
        return SL_OK;
    }
    if (sli_env_bug(rolls->env, "held-without-generation")) {
        rolls->generation = 0;
    }
    rolls->dir = sl_arena_printf(arena, "%s/%" PRId64, rolls->names->held_dir, rolls->generation);
    if (rolls->dir == NULL) {
        return sl_error_nomem(err, strlen(rolls->names->held_dir), "a held directory's path");
    }
    sl_code rc = open_dir(rolls, arena, err);
    rc = rc == SL_OK ? rolls->fs->ops->list(rolls->fs, rolls->dir, see_last, last, err) : rc;
    return explain(rolls, rc, err);
}

// ---------------------------------------------------------------- what makes a file

/// Held groups that go into one file: consecutive, and sealed by one life.
typedef struct run {
    sli_rolls *rolls;
    sl_arena *arena;
    int64_t n, last, size_bytes; // of the file
    const char *first_name;
    sli_held_name first;
    bool ended;                   // a group follows that another life has sealed
    const sli_format_ops *format; // NULL: one that has no end
    sli_content *content;         // copy_run's
    char *piece;                  // of SLI_FILE_BLOCK bytes
} run;

static sl_code remove_held(run *now, const char *name, sl_error *err)
{
    const char *path = sli_path_join(now->arena, now->rolls->dir, name);
    return path == NULL ? sl_error_nomem(err, strlen(name), "a held group's path")
                        : now->rolls->fs->ops->remove(now->rolls->fs, path, err);
}

/// Removes leftovers and gathers the run.
static sl_code see_held(void *ctx, const sli_fs_entry *entry, sl_error *err)
{
    run *now = ctx;
    sli_held_name held;
    bool is_group = sli_held_name_parse(entry->name, &held);
    if (is_group ? held.group <= now->rolls->shown : strcmp(entry->name, roll_name) == 0) {
        return remove_held(now, entry->name, err);
    }
    now->ended = now->ended || (now->n > 0 && held.sealer != now->first.sealer);
    if (!is_group || now->ended) {
        return SL_OK;
    }
    if (now->n == 0) {
        now->first_name = sl_arena_printf(now->arena, "%.*s", MAX_NAME, entry->name);
        if (now->first_name == NULL || !sli_held_name_parse(now->first_name, &now->first)) {
            return sl_error_nomem(err, MAX_NAME, "a held group's name");
        }
    }
    now->size_bytes += entry->size_bytes - (now->n == 0 ? 0 : held.opening_bytes);
    now->n++;
    now->last = held.group;
    return SL_OK;
}

/// What is there must be what this life has committed.
static sl_code check_run(const run *now, sl_error *err)
{
    const sli_rolls *rolls = now->rolls;
    if (rolls->n == 0 || (now->n == rolls->n && now->size_bytes == rolls->size_bytes)) {
        return SL_OK; // or an earlier life has: it is not known how many
    }
    return sl_error_set(err, SL_E_CORRUPT,
                        "%s: %" PRId64 " groups of %" PRId64
                        " bytes were committed here, now %" PRId64 " of %" PRId64 " are there",
                        rolls->dir, rolls->n, rolls->size_bytes, now->n, now->size_bytes);
}

static sl_code copy_held(void *ctx, const sli_fs_entry *entry, sl_error *err)
{
    run *now = ctx;
    sli_fs *fs = now->rolls->fs;
    sli_held_name held;
    if (!sli_held_name_parse(entry->name, &held) || held.group < now->first.group ||
        held.group > now->last) {
        return SL_OK;
    }
    const char *path = sli_path_join(now->arena, now->rolls->dir, entry->name);
    if (path == NULL) {
        return sl_error_nomem(err, strlen(entry->name), "a held group's path");
    }
    int64_t at = held.group == now->first.group ? 0 : held.opening_bytes;
    for (size_t n = SLI_FILE_BLOCK; n == SLI_FILE_BLOCK; at += (int64_t)n) {
        SL_TRY(fs->ops->read(fs, path, at, now->piece, SLI_FILE_BLOCK, &n, err));
        SL_TRY(sli_content_add(now->content, now->piece, n, err));
    }
    return SL_OK;
}

static sl_code check_copy(const run *now, sl_error *err)
{
    if (now->content->size_bytes - now->content->end_bytes == now->size_bytes) {
        return SL_OK;
    }
    return sl_error_set(
        err, SL_E_CORRUPT,
        "%s: groups %" PRId64 " to %" PRId64 " had %" PRId64 " bytes, copied were %" PRId64,
        now->rolls->dir, now->first.group, now->last, now->size_bytes, now->content->size_bytes);
}

/// All of the run in one new file, durable.
static sl_code copy_run(run *now, const char *path, sli_file_receipt *out, sl_error *err)
{
    sli_fs *fs = now->rolls->fs;
    sli_content content = {
        .fs = fs, .block = sl_arena_alloc(now->arena, SLI_FILE_BLOCK), .format = now->format};
    now->piece = sl_arena_alloc(now->arena, SLI_FILE_BLOCK);
    if (content.block == NULL || now->piece == NULL) {
        return sl_error_nomem(err, SLI_FILE_BLOCK, "a rolled file");
    }
    now->content = &content;
    SL_TRY(sli_content_open(&content, path, err));
    sl_code rc = fs->ops->list(fs, now->rolls->dir, copy_held, now, err);
    SL_TRY(sli_content_close(&content, rc, err));
    SL_TRY(check_copy(now, err));
    *out = (sli_file_receipt){
        .shape = SLI_SHAPE_FILE, .size_bytes = content.size_bytes, .hash = content.hash};
    return SL_OK;
}

// ---------------------------------------------------------------- publishing

static sl_code gather(run *now, sl_error *err)
{
    sli_fs *fs = now->rolls->fs;
    *now = (run){.rolls = now->rolls, .arena = now->arena};
    return fs->ops->list(fs, now->rolls->dir, see_held, now, err);
}

/// The format of what is held, which may be another one than this life's. NULL: one without an end.
static const sli_format_ops *format_with_end(const sli_held_name *held)
{
    const sli_format_ops *format = sli_format_of_extension(sli_text_of(held->extension));
    return format == NULL || format->ending_new == NULL ? NULL : format;
}

static sl_code publish_run(run *now, sl_error *err)
{
    sli_rolls *rolls = now->rolls;
    now->format = format_with_end(&now->first);
    bool alone = now->n == 1 && now->format == NULL; // a rename will do
    const char *name = sli_file_name_of_roll(rolls->names, now->first.group, now->last,
                                             now->first.extension, now->arena);
    const char *to = name == NULL ? NULL : sli_path_join(now->arena, rolls->names->dir, name);
    const char *from = sli_path_join(now->arena, rolls->dir, alone ? now->first_name : roll_name);
    if (to == NULL || from == NULL) {
        return sl_error_nomem(err, strlen(rolls->dir), "a rolled file's path");
    }
    sli_file_receipt receipt = {
        .shape = SLI_SHAPE_FILE, .size_bytes = now->size_bytes, .hash = rolls->hash};
    if (!alone) {
        SL_TRY(copy_run(now, from, &receipt, err));
    }
    if (sli_env_bug(rolls->env, "held-removed-early") && !alone) {
        rolls->shown = now->last;
        SL_TRY(gather(&(run){.rolls = rolls, .arena = now->arena}, err));
    }
    sli_publisher publisher = {rolls->env, rolls->fs, rolls->names->dir};
    SL_TRY(sli_file_publish(&publisher, now->last, from, to, &receipt, err));
    SLI_LOG(rolls->log, SLI_DEBUG, "sink", "rolled groups=%" PRId64 " bytes=%" PRId64 " into %s",
            now->n, receipt.size_bytes, to);
    rolls->shown = now->last;
    return SL_OK;
}

/// Everything held, in as many files as lives have sealed it; mostly one.
static sl_code publish_all(sli_rolls *rolls, sl_arena *arena, sl_error *err)
{
    run now = {.rolls = rolls, .arena = arena};
    for (;;) {
        sl_arena_reset(arena);
        SL_TRY(gather(&now, err)); // the last time, removes what was published
        if (now.n == 0) {
            break;
        }
        SL_TRY(check_run(&now, err));
        SL_TRY(publish_run(&now, err));
    }
    // A file that its reader has taken away must not come back from here.
    sl_code rc = rolls->fs->ops->sync_dir(rolls->fs, rolls->dir, err);
    if (rc != SL_OK) {
        (void)sl_error_act(err, SL_ACT_STOP_JOB); // a sync that failed can't be tried again
        return rc;
    }
    rolls->n = rolls->size_bytes = 0;
    return SL_OK;
}

static sl_code publish_held(sli_rolls *rolls, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_SINK);
    if (arena == NULL) {
        return sl_error_nomem(err, SLI_FILE_BLOCK, "a rolled file");
    }
    sl_code rc = publish_all(rolls, arena, err);
    sl_arena_free(arena);
    return rc;
}

// ---------------------------------------------------------------- committing

static bool is_due(const sli_rolls *rolls)
{
    const sli_roll_limits *limits = &rolls->limits;
    return !limits->on || rolls->n >= limits->groups || rolls->size_bytes >= limits->size_bytes ||
           sli_env_mono_us(rolls->env) - rolls->since_us >= limits->interval_us;
}

static sl_code show(sli_rolls *rolls, bool all, sl_error *err)
{
    return rolls->n > 0 && (all || is_due(rolls)) ? publish_held(rolls, err) : SL_OK;
}

sl_code sli_rolls_show(sli_rolls *rolls, bool all, sl_error *err)
{
    sl_code rc = show(rolls, all, err);
    return explain(rolls, rc, err);
}

static sl_code move_to_held(sli_rolls *rolls, int64_t group, const char *from,
                            const sli_file_receipt *receipt, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_SINK);
    const char *to = arena == NULL ? NULL : sli_path_join(arena, rolls->dir, receipt->name);
    sli_publisher publisher = {rolls->env, rolls->fs, rolls->dir};
    sl_code rc = to == NULL ? sl_error_nomem(err, strlen(receipt->name), "a held group's path")
                            : sli_file_publish(&publisher, group, from, to, receipt, err);
    sl_arena_free(arena);
    return rc;
}

static void count(sli_rolls *rolls, const sli_held_name *held, const sli_file_receipt *receipt)
{
    bool is_first = rolls->n == 0;
    if (is_first) {
        rolls->since_us = sli_env_mono_us(rolls->env);
        rolls->sealer = held->sealer;
        rolls->hash = receipt->hash;
    }
    rolls->n++;
    rolls->last = held->group;
    rolls->size_bytes += receipt->size_bytes - (is_first ? 0 : held->opening_bytes);
}

static sl_code hold(sli_rolls *rolls, int64_t group, const char *from,
                    const sli_file_receipt *receipt, sl_error *err)
{
    sli_held_name held;
    if (rolls->dir == NULL || !sli_held_name_parse(receipt->name, &held) || held.group != group) {
        return sl_error_set(err, SL_E_CORRUPT, "group %" PRId64 " can't be held as %.*s", group,
                            MAX_NAME, receipt->name);
    }
    SL_TRY(show(rolls, rolls->sealer != held.sealer, err));
    bool is_held = rolls->n > 0 && group <= rolls->last;
    if (group > rolls->shown && !is_held) {
        SL_TRY(move_to_held(rolls, group, from, receipt, err));
        count(rolls, &held, receipt);
    }
    return show(rolls, false, err);
}

sl_code sli_rolls_hold(sli_rolls *rolls, int64_t group, const char *from,
                       const sli_file_receipt *receipt, sl_error *err)
{
    sl_code rc = hold(rolls, group, from, receipt, err);
    return explain(rolls, rc, err);
}

sl_code sli_rolls_sweep(sli_rolls *rolls, sl_error *err)
{
    if (rolls->dir == NULL) {
        return SL_OK;
    }
    sl_code rc = publish_held(rolls, err);
    return explain(rolls, rc, err);
}
