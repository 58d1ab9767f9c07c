/// snapshot_read.c — finding the newest snapshot that checks out, and reading its sections.
#include "ckpt/place_int.h"

#include <stdlib.h>

// ---------------------------------------------------------------- which are there

static int newest_first(const void *a, const void *b)
{
    int64_t x = ((const sli_known *)a)->group, y = ((const sli_known *)b)->group;
    return (x < y) - (x > y);
}

sl_code sli_snapshots_known(sl_env *env, const char *dir, const sli_place *place, sl_arena *arena,
                            sli_known **out, int64_t *n, sl_error *err)
{
    sli_ckpt_path path;
    sli_names names;
    sli_place_names there = {0};
    SL_TRY(sli_names_list(env, sli_ckpt_path_of(&path, dir, "snap"), arena, &names, err));
    if (place != NULL && place->dir != NULL) {
        sl_code rc = sli_place_list(place, place->dir, arena, &there, err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "snapshots at %s", place->shown);
        }
    }
    sli_known *found = sl_arena_alloc(arena, (size_t)(names.n + there.n + 1) * sizeof *found);
    if (found == NULL) {
        return sl_error_nomem(err, (size_t)(names.n + there.n) * sizeof *found, "snapshots");
    }
    *n = 0;
    for (int64_t i = 0; i < names.n + there.n; i++) {
        const char *name = i < names.n ? names.names[i] : there.items[i - names.n].name;
        if (sli_name_is_snapshot(name, &found[*n].group)) {
            found[*n].is_here = i < names.n;
            (*n)++;
        }
    }
    qsort(found, (size_t)*n, sizeof *found, newest_first);
    *out = found;
    return SL_OK;
}

const char *sli_snapshot_home(const sli_ckpt *ckpt, int64_t group, sli_ckpt_path *out)
{
    return ckpt->shadow == group && group != 0
               ? sli_ckpt_path_of(out, ckpt->dir, "work/%06" PRId64 "/snap", ckpt->generation)
               : sli_ckpt_path_of(out, ckpt->dir, "snap");
}

// ---------------------------------------------------------------- SECTIONS.json

static bool parse_head(sl_text *at, const char *job_id, int64_t group)
{
    sl_text id, number, generation;
    int64_t said = 0;
    return sli_text_skip(at, "  \"job_id\": \"") && sli_text_until(at, "\",\n  \"group\": ", &id) &&
           sli_text_is(id, job_id) && sli_text_until(at, ",\n  \"generation\": ", &number) &&
           sli_scan_int64(number, &said, NULL) == SL_OK && said == group &&
           sli_text_until(at, ",\n  \"sections\": [", &generation);
}

static bool parse_section(sl_text *at, sli_section *out)
{
    sl_text size;
    return sli_text_skip(at, "\n    {\"name\": \"") &&
           sli_text_until(at, "\", \"size\": ", &out->name) &&
           sli_text_until(at, ", \"hash\": \"", &size) &&
           sli_scan_int64(size, &out->size, NULL) == SL_OK && out->size >= 0 &&
           sli_text_until(at, "\"", &out->hash) &&
           (!sli_text_skip(at, ", \"file\": \"") || sli_text_until(at, "\"", &out->file)) &&
           sli_text_skip(at, "}");
}

static sl_code parse(sl_text at, const char *path, const char *job_id, int64_t group,
                     sl_arena *arena, sli_sections *out, sl_error *err)
{
    int64_t most = 1;
    for (size_t i = 0; i < at.size; i++) {
        most += at.data[i] == '\n';
    }
    out->items = sl_arena_alloc_zero(arena, (size_t)most * sizeof *out->items);
    if (out->items == NULL) {
        return sl_error_nomem(err, (size_t)most * sizeof *out->items, "a snapshot's sections");
    }
    bool good = parse_head(&at, job_id, group);
    while (good && !sli_text_skip(&at, "\n  ],\n")) {
        good = parse_section(&at, &out->items[out->n++]);
        (void)(good && sli_text_skip(&at, ","));
    }
    return good ? SL_OK
                : sl_error_set(err, SL_E_CORRUPT,
                               "%s: is no list of snapshot %" PRId64 " of this job (offset 0)",
                               path, group);
}

sl_code sli_sections_of(sli_sections *out, char *bytes, size_t size, const char *path,
                        const char *job_id, int64_t group, sl_arena *arena, sl_error *err)
{
    sli_sections list = {.bytes = bytes, .size = size};
    sl_text body;
    sl_code rc = sli_checked_open((sl_bytes){bytes, size}, path, "sluice_snapshot", &body, err);
    if (rc == SL_OK) {
        rc = parse(body, path, job_id, group, arena, &list, err);
    }
    if (rc != SL_OK) {
        sl_free(bytes);
        return rc;
    }
    *out = list;
    return SL_OK;
}

sl_code sli_sections_read(sli_sections *out, sl_env *env, const char *home, const char *job_id,
                          int64_t group, sl_arena *arena, sl_error *err)
{
    sli_ckpt_path path;
    sli_ckpt_path_of(&path, home, "%09" PRId64 "/SECTIONS.json", group);
    char *bytes = NULL;
    size_t size = 0;
    SL_TRY(sli_env_read_file(env, path.text, SLI_FILE_MOST_BYTES, &bytes, &size, err));
    return sli_sections_of(out, bytes, size, path.text, job_id, group, arena, err);
}

static const char *section_path(sli_ckpt_path *out, const char *home, int64_t group,
                                const sli_section *s)
{
    return sli_ckpt_path_of(out, home, "%09" PRId64 "/%.*s", group, (int)s->name.size,
                            s->name.data);
}

sl_code sli_section_fits(const sli_section *s, const char *path, int64_t size, const char hash[33],
                         sl_error *err)
{
    if (size != s->size) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "%s: ends at offset %" PRId64 ", it had %" PRId64 " bytes", path, size,
                            s->size);
    }
    if (!sli_text_is(s->hash, hash)) {
        return sl_error_set(err, SL_E_CORRUPT, "%s: offsets 0 to %" PRId64 " do not fit their hash",
                            path, s->size);
    }
    return SL_OK;
}

sl_code sli_section_check(const sli_section *s, const char *path, const sli_buffer *bytes,
                          sl_error *err)
{
    char hash[33];
    sli_hash_text(sli_hash128_of(sli_buffer_bytes(bytes), (size_t)sli_buffer_size(bytes)), hash);
    return sli_section_fits(s, path, sli_buffer_size(bytes), hash, err);
}

sl_code sli_section_read(sl_env *env, const char *home, int64_t group, const sli_section *s,
                         sli_buffer **out, sl_error *err)
{
    sli_ckpt_path path;
    sli_buffer *buffer = NULL;
    SL_TRY(sli_buffer_read(env, section_path(&path, home, group, s), &buffer, err));
    sl_code rc = sli_section_check(s, path.text, buffer, err);
    if (rc != SL_OK) {
        sli_buffer_unref(buffer);
        return rc;
    }
    *out = buffer;
    return SL_OK;
}

/// A listed file that is not there: damage, unless the whole snapshot is being removed by another
/// driver, which takes its name away first.
static sl_code section_missing(sl_env *env, const char *home, int64_t group, const sli_section *s,
                               sl_error *err)
{
    sli_ckpt_path path;
    sli_stat stat;
    sli_ckpt_path_of(&path, home, "%09" PRId64 "/SECTIONS.json", group);
    SL_TRY(sli_env_stat(env, path.text, &stat, err));
    return sl_error_set(err, SL_E_CORRUPT, "%s: is missing (offset 0)",
                        section_path(&path, home, group, s));
}

/// Sections are as large as a disk store's files, so they are checked a piece at a time.
static sl_code section_check(sl_env *env, const char *home, int64_t group, const sli_section *s,
                             sl_error *err)
{
    sli_ckpt_path path;
    sli_file *file = NULL;
    char hash[33];
    int64_t size = 0;
    sl_code rc = sli_file_open(env, section_path(&path, home, group, s), SLI_READ, &file, err);
    if (rc != SL_OK) {
        return rc == SL_E_NOT_FOUND ? section_missing(env, home, group, s, err) : rc;
    }
    rc = sli_file_hash(file, &size, hash, err);
    sli_file_close(&file);
    return rc == SL_OK ? sli_section_fits(s, path.text, size, hash, err) : rc;
}

sl_code sli_snapshot_check(sl_env *env, const char *home, const char *job_id, int64_t group,
                           int64_t *bytes, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    if (arena == NULL) {
        return sl_error_nomem(err, 4096, "a snapshot's sections");
    }
    sli_sections list = {0};
    sl_code rc = sli_sections_read(&list, env, home, job_id, group, arena, err);
    int64_t total = 0;
    for (int64_t i = 0; rc == SL_OK && i < list.n; i++) {
        rc = section_check(env, home, group, &list.items[i], err);
        total += list.items[i].size;
    }
    sl_free(list.bytes);
    sl_arena_free(arena);
    if (rc == SL_OK) {
        *bytes = total;
    }
    return rc;
}

// ---------------------------------------------------------------- the newest that is whole

bool sli_chain_reaches_back(const sli_chain *chain, int64_t group)
{
    int64_t n = 0, from = group > chain->free_to ? group : chain->free_to;
    for (int64_t i = 0; i < chain->n_frames; i++) {
        n += chain->frames[i].kind == SLI_SEALED && chain->frames[i].number > from;
    }
    return n >= chain->last_sealed - from;
}

/// Reads all of it; one that lies elsewhere lies here then.
static sl_code read_whole(sli_ckpt *ckpt, const sli_known *known, sl_error *err)
{
    int64_t bytes;
    sli_ckpt_path home;
    return known->is_here
               ? sli_snapshot_check(ckpt->env, sli_ckpt_path_of(&home, ckpt->dir, "snap"),
                                    ckpt->job_id, known->group, &bytes, err)
               : sli_place_take(ckpt, known->group, err);
}

static sl_code newest_that_fits(sli_ckpt *ckpt, const sli_known *known, int64_t n, int64_t *chosen,
                                int64_t *damaged, sl_error *err)
{
    *damaged = 0;
    for (*chosen = 0; *chosen < n; (*chosen)++) {
        int64_t group = known[*chosen].group;
        if (sli_env_bug(ckpt->env, "snapshot-unsynced")) {
            return SL_OK; // believes what it finds
        }
        sl_error why = SL_ERROR_INIT;
        sl_code rc = read_whole(ckpt, &known[*chosen], &why);
        if (rc == SL_OK) {
            return SL_OK;
        }
        if (*chosen == 0 && err != NULL) {
            *err = why; // the newest one's damage is what to tell when nothing else helps
        }
        if (rc != SL_E_CORRUPT && rc != SL_E_NOT_FOUND) {
            if (err != NULL) {
                *err = why;
            }
            return rc;
        }
        *damaged += rc == SL_E_CORRUPT;
        SLI_LOG(ckpt->log, SLI_ERROR, "ckpt", "snapshot %" PRId64 " is passed over: %s", group,
                why.text);
    }
    return SL_OK;
}

/// A snapshot that was passed over must not be counted among the two that are kept: it is put
/// aside, for people to look at until the next start.
static sl_code put_aside(sli_ckpt *ckpt, const sli_known *known, sl_error *err)
{
    sli_ckpt_path path, aside;
    sli_ckpt_path_of(&path, ckpt->dir, "snap/%09" PRId64, known->group);
    sli_ckpt_path_of(&aside, ckpt->dir, "snap/bad-%06" PRId64 "-%09" PRId64, ckpt->generation,
                     known->group);
    if (ckpt->n_damaged != NULL) {
        sli_metric_add(ckpt->n_damaged, 1);
    }
    sl_code rc = known->is_here ? sli_env_rename(ckpt->env, path.text, aside.text, false, err)
                                : sli_place_put_aside(ckpt, known->group, err);
    return rc == SL_E_NOT_FOUND ? SL_OK : rc;
}

static sl_code newest(sli_ckpt *ckpt, sl_arena *arena, int64_t *group, sl_error *err)
{
    sli_known *known;
    int64_t n, chosen, damaged;
    SL_TRY(sli_snapshots_known(ckpt->env, ckpt->dir, ckpt->place, arena, &known, &n, err));
    SL_TRY(newest_that_fits(ckpt, known, n, &chosen, &damaged, err));
    int64_t found = chosen < n ? known[chosen].group : 0;
    // Deltas reach back to the older of two snapshots, which may share files.
    if (!sli_chain_reaches_back(&ckpt->chain, found) || found < ckpt->chain.floor || damaged > 1) {
        if (chosen > 0) {
            return sl_error_wrap(err, SL_E_CORRUPT,
                                 "snapshot %" PRId64
                                 ", and log and deltas do not reach back to an older one",
                                 known[0].group);
        }
        return sl_error_set(err, SL_E_CORRUPT,
                            "%s%s: the snapshot of group %" PRId64
                            " or a later one is missing, the epoch log (%s) rests on it",
                            ckpt->place == NULL ? ckpt->dir : ckpt->place->shown,
                            ckpt->place == NULL ? "/snap" : "", ckpt->chain.floor, ckpt->tail);
    }
    for (int64_t i = 0; i < chosen; i++) {
        SL_TRY(put_aside(ckpt, &known[i], err));
    }
    if (chosen > 0) {
        SL_TRY(sli_ckpt_sync_dir(ckpt, "snap", err));
    }
    *group = found;
    return SL_OK;
}

sl_code sli_snapshot_newest(sli_ckpt *ckpt, int64_t *group, sl_error *err)
{
    SL_TRY(sli_ckpt_alive(ckpt, err));
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    if (arena == NULL) {
        return sl_error_nomem(err, 4096, "snapshots");
    }
    sl_code rc = sli_ckpt_check_generation(ckpt, err);
    if (rc == SL_OK) {
        rc = newest(ckpt, arena, group, err);
    }
    sl_arena_free(arena);
    return sl_error_wrap(err, sli_ckpt_verdict(ckpt, rc, err), "reading the newest snapshot");
}

// ---------------------------------------------------------------- sections

sl_code sli_snapshot_read(sli_ckpt *ckpt, int64_t group, const char *name, sli_buffer **out,
                          sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    if (arena == NULL) {
        return sl_error_nomem(err, 4096, "a snapshot's sections");
    }
    sli_sections list = {0};
    sli_ckpt_path home;
    sl_code rc = sli_sections_read(&list, ckpt->env, sli_snapshot_home(ckpt, group, &home),
                                   ckpt->job_id, group, arena, err);
    const sli_section *found = NULL;
    for (int64_t i = 0; rc == SL_OK && i < list.n && found == NULL; i++) {
        found = sli_text_is(list.items[i].name, name) ? &list.items[i] : NULL;
    }
    if (rc == SL_OK) {
        rc = found != NULL
                 ? sli_section_read(ckpt->env, home.text, group, found, out, err)
                 : sl_error_set(err, SL_E_NOT_FOUND, "snapshot %" PRId64 " has no section \"%s\"",
                                group, name);
    }
    sl_free(list.bytes);
    sl_arena_free(arena);
    return sli_ckpt_verdict(ckpt, rc, err);
}

void sli_snapshot_path(const sli_ckpt *ckpt, int64_t group, const char *name, sli_str *out)
{
    sli_ckpt_path home;
    sli_str_printf(out, "%s/%09" PRId64 "/%s", sli_snapshot_home(ckpt, group, &home), group, name);
}

sl_code sli_snapshot_sections(sli_ckpt *ckpt, int64_t group, sli_list_fn each, void *ctx,
                              sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    if (arena == NULL) {
        return sl_error_nomem(err, 4096, "a snapshot's sections");
    }
    sli_sections list = {0};
    sli_ckpt_path home;
    sl_code rc = sli_sections_read(&list, ckpt->env, sli_snapshot_home(ckpt, group, &home),
                                   ckpt->job_id, group, arena, err);
    for (int64_t i = 0; rc == SL_OK && i < list.n; i++) {
        const char *name =
            sl_arena_printf(arena, "%.*s", (int)list.items[i].name.size, list.items[i].name.data);
        rc = name != NULL ? each(ctx, name, err)
                          : sl_error_nomem(err, list.items[i].name.size, "a section's name");
    }
    sl_free(list.bytes);
    sl_arena_free(arena);
    return rc;
}
