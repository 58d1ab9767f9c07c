// What a reader of the outputs sees.
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "env/sim/sim_int.h"
#include "format/reread_test.h"
#include "sink/sqlite/sqlite_int.h"

// ---------------------------------------------------------------- counts

static slt_count *find(const slt_counts *counts, const char *word, size_t size)
{
    for (int32_t i = 0; i < counts->n; i++) {
        const char *at = counts->items[i].word;
        if (strncmp(at, word, size) == 0 && at[size] == '\0') {
            return (slt_count *)(uintptr_t)&counts->items[i];
        }
    }
    return NULL;
}

int64_t slt_counts_of(const slt_counts *counts, const char *word)
{
    const slt_count *item = find(counts, word, strlen(word));
    return item == NULL ? 0 : item->n;
}

void slt_counts_add(slt_counts *counts, const char *word, size_t size, int64_t n)
{
    size = size >= SLT_WORD_BYTES ? SLT_WORD_BYTES - 1 : size; // rubbish: shows as an unknown word
    slt_count *item = find(counts, word, size);
    if (item == NULL) {
        SL_ASSERT(counts->n < SLT_MOST_WORDS, "more words than a test has");
        item = &counts->items[counts->n++];
        memcpy(item->word, word, size);
        item->word[size] = '\0';
        item->n = 0;
    }
    item->n += n;
}

void slt_counts_set(slt_counts *counts, const char *word, size_t size, int64_t n)
{
    slt_counts_add(counts, word, size, 0);
    find(counts, word, size >= SLT_WORD_BYTES ? SLT_WORD_BYTES - 1 : size)->n = n;
}

// ---------------------------------------------------------------- the file sink

typedef struct reading {
    slt_sim *sim;
    const char *dir;
    slt_groups *groups;
} reading;

static sl_code add_file(slt_sim *sim, const char *path, sli_str *out, sl_error *err)
{
    char *content = NULL;
    size_t size = 0;
    SL_TRY(sli_world_read(sim->world, path, &content, &size, err));
    const char *ending = strrchr(path, '.');
    if (ending != NULL && strcmp(ending, ".arrow") == 0) {
        sl_error why = SL_ERROR_INIT;
        if (slt_reread_arrow(content, size, out, &why) != SL_OK) {
            slt_sim_wrong(sim, "%s: %s", path, why.text);
        }
    } else {
        sli_str_add(out, content, size);
    }
    sl_free(content);
    return SL_OK;
}

static sl_code add_part(void *ctx, const char *name, sl_error *err)
{
    reading *r = ctx;
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", r->dir, name);
    return add_file(r->sim, path, &r->groups->text, err);
}

static bool is_ignored(const slt_sim *sim, const char *tag)
{
    for (int32_t i = 0; i < sim->n_ignored; i++) {
        if (strncmp(sim->ignored[i], tag, 8) == 0) {
            return true;
        }
    }
    return false;
}

/// A group's number in front of a name, and what follows its '-'; NULL: there is none.
static const char *take_group(const char *name, int64_t *group)
{
    size_t digits = strspn(name, "0123456789");
    if (digits < 12 || name[digits] != '-') {
        return NULL;
    }
    *group = strtoll(name, NULL, 10);
    return name + digits + 1;
}

const char *slt_published_tag(const char *name, int64_t *first, int64_t *last)
{
    const char *tag = take_group(name, first);
    const char *behind = tag == NULL ? NULL : take_group(tag, last);
    if (behind == NULL) {
        *last = *first;
    }
    return behind == NULL ? tag : behind;
}

/// One published name: a file of one group or of several, or a directory of parts.
static sl_code add_group(void *ctx, const char *name, sl_error *err)
{
    reading *r = ctx;
    slt_groups *groups = r->groups;
    char path[256];
    int64_t first = 0, last = 0;
    const char *tag = slt_published_tag(name, &first, &last);
    if (tag == NULL || is_ignored(r->sim, tag)) {
        return SL_OK;
    }
    SL_ASSERT(last <= SLT_MOST_GROUPS, "more groups than a test has");
    while (groups->may_lack && groups->n + 1 < first) {
        groups->ends[++groups->n] = groups->text.size;
    }
    if (first != groups->n + 1) {
        slt_sim_wrong(r->sim, "%s does not show a prefix of the groups: group %lld follows %d",
                      r->dir, (long long)first, groups->n);
        return SL_OK;
    }
    while (groups->n + 1 < last) { // where they end within the file is not known
        groups->ends[++groups->n] = groups->text.size;
    }
    (void)snprintf(path, sizeof path, "%s/%s", r->dir, name);
    reading parts = {r->sim, path, groups};
    sl_code rc = add_file(r->sim, path, &groups->text, NULL);
    if (rc != SL_OK) {
        rc = sli_world_list(r->sim->world, path, add_part, &parts, err);
    }
    groups->ends[++groups->n] = groups->text.size;
    return rc;
}

bool slt_groups_read(slt_sim *sim, const char *dir, slt_groups *out)
{
    reading r = {sim, dir, out};
    sl_error error = SL_ERROR_INIT;
    sl_code rc = sli_world_list(sim->world, dir, add_group, &r, &error);
    if (rc != SL_OK && rc != SL_E_NOT_FOUND) {
        slt_sim_wrong(sim, "%s can't be read: %s", dir, error.text);
    }
    sli_str_char(&out->text, '\0');
    out->text.size--;
    return sim->wrong[0] == '\0';
}

void slt_groups_count(const slt_groups *groups, int32_t from, int32_t to, slt_counts *out)
{
    for (size_t at = groups->ends[from]; at < groups->ends[to];) {
        const char *line = groups->text.data + at;
        size_t size = strcspn(line, "\n"), word = strcspn(line, ",");
        if (word >= size) {
            slt_counts_add(out, "(torn line)", 11, 1);
        } else if (strncmp(line, "word,", 5) != 0) {
            slt_counts_add(out, line, word, strtoll(line + word + 1, NULL, 10));
        }
        at += size + 1;
    }
}

// ---------------------------------------------------------------- the database

/// Copies a file of the job's world into the reader's. False: there is none.
static bool copy_file(slt_sim *sim, sli_world *to, const char *path)
{
    char *content = NULL;
    size_t size = 0;
    if (sli_world_read(sim->world, path, &content, &size, NULL) != SL_OK) {
        return false;
    }
    sl_code rc = sli_world_put(to, path, content, size, NULL);
    SL_ASSERT(rc == SL_OK, "no memory for a test");
    sl_free(content);
    return true;
}

static sl_code query(sli_db *db, const char *sql, sli_str *out, int64_t *number, sl_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = true;
    SL_TRY(sli_db_prepare(db, sql, &statement, err));
    sl_code rc = SL_OK;
    while (rc == SL_OK && row) {
        rc = sli_db_step(db, statement, &row, err);
        if (rc == SL_OK && row && out != NULL) {
            sli_str_printf(out, "%s,%lld\n", (const char *)sqlite3_column_text(statement, 0),
                           (long long)sqlite3_column_int64(statement, 1));
        } else if (rc == SL_OK && row) {
            *number = sqlite3_column_int64(statement, 0);
        }
    }
    (void)sqlite3_finalize(statement); // repeats the step's failure
    return rc;
}

static sl_code read_tables(sli_db *db, sli_str *out, int64_t *group, sl_error *err)
{
    int64_t tables = 0;
    SL_TRY(query(db,
                 "SELECT count(*) FROM sqlite_master WHERE name IN ('counts', '_sluice_marker')",
                 NULL, &tables, err));
    if (tables < 2) {
        return SL_OK;
    }
    SL_TRY(query(db, "SELECT coalesce(max(\"group\"), 0) FROM _sluice_marker", NULL, group, err));
    return query(db, "SELECT word, n FROM counts ORDER BY rowid", out, NULL, err);
}

/// In a world of its own, so that reading changes nothing in the job's.
bool slt_sqlite_read(slt_sim *sim, const char *path, sli_str *out, int64_t *group)
{
    sli_world_conf conf = {.seed = 1};
    sli_world *world = sli_world_new(&conf);
    sli_fault none = {0};
    sl_env *env = NULL;
    sl_error error = SL_ERROR_INIT;
    char journal[256];
    (void)snprintf(journal, sizeof journal, "%s-journal", path);
    SL_ASSERT(world != NULL, "no memory for a test");
    bool there = copy_file(sim, world, path);
    (void)copy_file(sim, world, journal);
    sl_code rc = sli_world_boot(world, &none, &env, &error);
    sli_db db = {0};
    sli_db_conf db_conf = {.env = env, .path = path, .busy_ms = 0, .wal = false};
    if (rc == SL_OK && there) {
        rc = sli_db_open(&db, &db_conf, &error);
    }
    if (rc == SL_OK && there) {
        rc = read_tables(&db, out, group, &error);
        sli_db_close(&db);
    }
    if (rc != SL_OK) {
        slt_sim_wrong(sim, "%s can't be read: %s", path, error.text);
    }
    sli_env_free(env);
    sli_world_free(world);
    sli_str_char(out, '\0');
    out->size--;
    return rc == SL_OK;
}

// ---------------------------------------------------------------- the lock

void slt_break_job_lock(sli_world *world)
{
    sim_place at = {0};
    if (sli_sim_disk_find(&world->disk, "checkpoint/LOCK", &at) == 0 && at.inode != NULL) {
        at.inode->lock_pid = 0;
    }
}
