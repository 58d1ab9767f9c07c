/// place_int.h — what the files of snapshots elsewhere share: place.c (opening), place_begin.c (who
/// may begin and publish), place_put.c (publishing), place_take.c (bringing one here).
#pragma once

#include "ckpt/ckpt_int.h"

struct sli_place {
    sli_fs *fs;
    sl_arena *arena;   ///< the texts below
    const char *base;  ///< the directory that was given
    const char *shown; ///< the URL without its query, for texts
    const char *kept;  ///< the URL without secrets, for MANIFEST.json
    const char *dir;   ///< base/JOB-ID; NULL before the id is known
};

typedef struct sli_place_name {
    const char *name;
    int64_t size;
} sli_place_name;
/// What is in a directory, in byte order of names.
typedef struct sli_place_names {
    sli_place_name *items; ///< in the arena
    int64_t n;
} sli_place_names;
/// A directory that is missing has no names.
sl_code sli_place_list(const sli_place *place, const char *dir, sl_arena *arena,
                       sli_place_names *out, sl_error *err);
/// A whole file, appended.
sl_code sli_place_read(const sli_place *place, const char *path, sli_str *out, sl_error *err);
/// A whole file; one of that name goes first. Not for names that count.
sl_code sli_place_write(const sli_place *place, const char *path, sl_bytes content, sl_error *err);
/// Up to `most` bytes of a file, of its first ones.
sl_code sli_place_front(const sli_place *place, const sli_section *s, char *out, size_t most,
                        size_t *n, sl_error *err);
/// The bytes of a section, checked. Fails: SL_E_NOT_FOUND; SL_E_CORRUPT with file and offset.
sl_code sli_place_section(const sli_place *place, const sli_section *s, sli_buffer **out,
                          sl_error *err);
/// Sections that begin with `prefix` (NULL: all) as files below `home`, each byte compared with its
/// hash on the way. `log` may be NULL. (place_take.c)
sl_code sli_place_bring(const sli_place *place, sl_env *env, sli_log *log, int64_t group,
                        const sli_sections *list, const char *prefix, const char *home,
                        sl_error *err);
/// The list of a snapshot. Fails: SL_E_NOT_FOUND, SL_E_CORRUPT.
sl_code sli_place_sections(const sli_place *place, const char *job_id, int64_t group,
                           sl_arena *arena, sli_sections *out, sl_error *err);
