/// names.c — where an output's files lie and what they are called. README.md draws the tree.
///
/// Every name is settled by job id, uid, generation and group, so a crash or a repeat meets the
/// same one again; what is published and what waits for its roll tell their groups by their names
/// alone.
#include "sink/file/file_int.h"

#include <inttypes.h>

enum {
    MAX_UID_BYTES = 200, // in a path, encoded
    JOB_DIGITS = 32,
    GROUP_DIGITS = 12,
    TAG_DIGITS = sizeof((sli_file_names){0}.tag) - 1
};

// ---------------------------------------------------------------- directories and the tag

/// A uid as one part of a path: letters, digits, '-' and '_' stay, '.' too but in front; every
/// other byte becomes %XX.
static sl_code put_uid(sli_str *out, const char *uid, sl_error *err)
{
    size_t before = out->size;
    for (const char *at = uid; *at != '\0'; at++) {
        char c = *at;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || (c == '.' && at != uid);
        if (plain) {
            sli_str_char(out, c);
        } else {
            sli_str_printf(out, "%%%02X", (unsigned)(unsigned char)c);
        }
    }
    if (uid[0] == '\0' || out->size - before > MAX_UID_BYTES) {
        return sl_error_set(err, SL_E_INVALID,
                            "uid '%.64s': 1 to %d bytes fit in the name of a directory", uid,
                            MAX_UID_BYTES);
    }
    return SL_OK;
}

static sl_code check_job_id(const char *id, sl_error *err)
{
    if (strlen(id) != JOB_DIGITS || strspn(id, "0123456789abcdef") != JOB_DIGITS) {
        return sl_error_set(err, SL_E_INVALID, "a job id has %d hex digits, not '%.64s'",
                            JOB_DIGITS, id);
    }
    return SL_OK;
}

/// Two outputs of one job may write into one directory, so the tag is made of job id and uid.
static void make_tag(sli_file_names *names, const char *job_id, const char *uid)
{
    sli_hash128 hash = sli_hash128_of(job_id, strlen(job_id));
    hash = sli_hash128_chain(hash, uid, strlen(uid));
    for (int32_t i = 0; i < TAG_DIGITS; i++) {
        names->tag[i] = "0123456789abcdef"[hash.low >> (60 - 4 * i) & 15];
    }
    names->tag[TAG_DIGITS] = '\0';
}

sl_code sli_file_names_make(sli_file_names *out, sl_text path, const char *job_id, const char *uid,
                            sl_arena *arena, sl_error *err)
{
    while (path.size > 1 && path.data[path.size - 1] == '/') {
        path.size--;
    }
    SL_TRY(check_job_id(job_id, err));
    make_tag(out, job_id, uid);
    sli_str s = SLI_STR_INIT;
    s.tag = SLI_TAG_SINK;
    sli_str_printf(&s, "%.*s/.sluice/%s/", (int)path.size, path.data, job_id);
    sl_code rc = put_uid(&s, uid, err);
    rc = rc == SL_OK ? sli_str_check(&s, "the sink's directory", err) : rc;
    if (rc == SL_OK) {
        out->dir = sl_arena_printf(arena, "%.*s", (int)path.size, path.data);
        out->stage_dir = sl_arena_printf(arena, "%s/stage", s.data);
        out->temp_dir = sl_arena_printf(arena, "%s/temp", s.data);
        out->held_dir = sl_arena_printf(arena, "%s/held", s.data);
        if (out->dir == NULL || out->stage_dir == NULL || out->temp_dir == NULL ||
            out->held_dir == NULL) {
            rc = sl_error_nomem(err, s.size, "the sink's directory");
        }
    }
    sli_str_reset(&s);
    return rc;
}

// ---------------------------------------------------------------- names that tell something

char *sli_file_name_of_group(const sli_file_names *names, int64_t group, const char *extension,
                             sl_arena *arena)
{
    return sl_arena_printf(arena, "%012" PRId64 "-%s%s%s", group, names->tag,
                           extension[0] == '\0' ? "" : ".", extension);
}

char *sli_file_name_of_roll(const sli_file_names *names, int64_t first, int64_t last,
                            const char *extension, sl_arena *arena)
{
    return sl_arena_printf(arena, "%012" PRId64 "-%012" PRId64 "-%s.%s", first, last, names->tag,
                           extension);
}

char *sli_file_name_of_held(const sli_held_name *held, sl_arena *arena)
{
    return sl_arena_printf(arena, "%012" PRId64 "-%" PRId64 "-%" PRId64 ".%s", held->group,
                           held->sealer, held->opening_bytes, held->extension);
}

/// A number in front of `name`, of at least `least` digits; *rest is what follows it.
static bool take_number(const char *name, size_t least, int64_t *number, const char **rest)
{
    sl_text digits = {name, strspn(name, "0123456789")};
    *rest = name + digits.size;
    return digits.size >= least && sli_scan_int64(digits, number, NULL) == SL_OK;
}

int64_t sli_file_group_of_name(const sli_file_names *names, const char *name)
{
    int64_t group = 0, last = 0;
    const char *rest = NULL, *after = NULL;
    if (!take_number(name, GROUP_DIGITS, &group, &rest) || rest[0] != '-') {
        return 0;
    }
    if (take_number(rest + 1, GROUP_DIGITS, &last, &after) &&
        after[0] == '-') { // longer than a tag
        group = last;
        rest = after;
    }
    bool is_ours = strncmp(rest + 1, names->tag, TAG_DIGITS) == 0 &&
                   (rest[1 + TAG_DIGITS] == '\0' || rest[1 + TAG_DIGITS] == '.');
    return is_ours ? group : 0;
}

bool sli_file_generation_of_name(const char *name, int64_t *generation)
{
    const char *rest = NULL;
    return take_number(name, 1, generation, &rest) && rest[0] == '-';
}

bool sli_held_name_parse(const char *name, sli_held_name *out)
{
    const char *rest = NULL;
    if (!take_number(name, GROUP_DIGITS, &out->group, &rest) || rest[0] != '-' ||
        !take_number(rest + 1, 1, &out->sealer, &rest) || rest[0] != '-' ||
        !take_number(rest + 1, 1, &out->opening_bytes, &rest) || rest[0] != '.') {
        return false;
    }
    out->extension = rest + 1;
    return out->extension[0] != '\0';
}
