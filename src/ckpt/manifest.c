/// manifest.c — MANIFEST.json: who a checkpoint belongs to; and how JSON texts here end in a hash
/// of themselves.
///
/// The layout of lines is fixed (README.md), so reading needs no JSON parser; that it is JSON
/// serves people and tools. The hash is checked first, and in every format stands in the same
/// place: a flipped digit of the format number is damage, not a newer format.
#include "ckpt/ckpt_int.h"

#include <stdio.h>

enum { CHECK_BYTES = 50 }; // `  "check": "` 32 digits `"` line end, brace, line end

void sli_hash_text(sli_hash128 hash, char out[33])
{
    (void)snprintf(out, 33, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
}

void sli_checked_end(sli_str *out)
{
    char hash[33];
    sli_hash_text(sli_hash128_of(out->data, out->size), hash);
    sli_str_printf(out, "  \"check\": \"%s\"\n}\n", hash);
}

bool sli_text_skip(sl_text *at, const char *word)
{
    size_t size = strlen(word);
    if (at->size < size || memcmp(at->data, word, size) != 0) {
        return false;
    }
    at->data += size;
    at->size -= size;
    return true;
}

bool sli_text_until(sl_text *at, const char *stop, sl_text *out)
{
    const char *found = at->size == 0 ? NULL : memmem(at->data, at->size, stop, strlen(stop));
    if (found == NULL) {
        return false;
    }
    size_t size = (size_t)(found - at->data);
    *out = (sl_text){at->data, size};
    at->data = found + strlen(stop);
    at->size -= size + strlen(stop);
    return true;
}

static sl_code check_end(sl_bytes file, const char *path, sl_error *err)
{
    if (file.size < CHECK_BYTES - 2) {
        return sl_error_set(err, SL_E_CORRUPT, "%s: cut at offset %zu", path, file.size);
    }
    sl_text text = {file.data, file.size}, end, hash;
    char expected[33];
    size_t body = file.size;
    const char *found = NULL;
    for (sl_text at = text; sli_text_until(&at, "  \"check\": \"", &end);) {
        found = end.data + end.size;
    }
    body = found == NULL ? 0 : (size_t)(found - text.data);
    end = (sl_text){text.data + body, text.size - body};
    sli_hash_text(sli_hash128_of(text.data, body), expected);
    if (found == NULL || !sli_text_skip(&end, "  \"check\": \"") ||
        !sli_text_until(&end, "\"\n}\n", &hash) || end.size != 0) {
        return sl_error_set(err, SL_E_CORRUPT, "%s: cut or damaged at its end (offset %zu)", path,
                            file.size);
    }
    if (!sli_text_is(hash, expected)) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "%s: offsets 0 to %zu do not fit the hash that follows them", path,
                            body);
    }
    return SL_OK;
}

sl_code sli_checked_open(sl_bytes file, const char *path, const char *kind, sl_text *body,
                         sl_error *err)
{
    SL_TRY(check_end(file, path, err));
    sl_text at = {file.data, file.size}, number;
    int64_t format = 0;
    if (!sli_text_skip(&at, "{\n  \"") || !sli_text_skip(&at, kind) ||
        !sli_text_skip(&at, "\": ") || !sli_text_until(&at, ",\n", &number) ||
        sli_scan_int64(number, &format, NULL) != SL_OK) {
        return sl_error_set(err, SL_E_CORRUPT, "%s: is no \"%s\" (offset 0)", path, kind);
    }
    if (format > SLI_CKPT_FORMAT) {
        return sl_error_set(err, SL_E_INCOMPATIBLE,
                            "%s: has format %" PRId64
                            ", this Sluice reads formats up to %d: use the Sluice that wrote it",
                            path, format, SLI_CKPT_FORMAT);
    }
    *body = at;
    return SL_OK;
}

void sli_manifest_put(sli_str *out, const char *job_id, const sli_ckpt_job *job)
{
    sli_str_printf(out, "{\n  \"sluice_checkpoint\": %d,\n  \"job_id\": \"%s\",\n  \"name\": ",
                   SLI_CKPT_FORMAT, job_id);
    sli_str_json(out, job->name, strlen(job->name));
    sli_str_printf(out, ",\n  \"graph_hash\": \"%016" PRIx64 "\",\n  \"graph\": ", job->graph_hash);
    const char *graph = job->graph_text == NULL ? "" : job->graph_text;
    sli_str_json(out, graph, strlen(graph));
    sli_str_text(out, ",\n");
    if (job->snapshots != NULL && job->snapshots[0] != '\0') {
        sli_str_text(out, "  \"snapshots\": ");
        sli_str_json(out, job->snapshots, strlen(job->snapshots));
        sli_str_text(out, ",\n");
    }
    if (!out->failed) {
        sli_checked_end(out);
    }
}

/// 0..15, or -1.
static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/// The one byte that an escape of sli_str_json stands for; *n how many characters it took. -1:
/// none.
static int unescape(const char *at, size_t left, size_t *n)
{
    static const char from[] = "nrtbf\"\\/", to[] = "\n\r\t\b\f\"\\/";
    const char *found = left >= 2 ? strchr(from, at[1]) : NULL;
    if (found != NULL && *found != '\0') {
        *n = 2;
        return to[found - from];
    }
    if (left >= 6 && at[1] == 'u' && hex_digit(at[4]) >= 0 && hex_digit(at[5]) >= 0) {
        *n = 6;
        return hex_digit(at[4]) * 16 + hex_digit(at[5]);
    }
    return -1;
}

static char *json_text(sl_text json, sl_arena *arena)
{
    char *out = sl_arena_alloc(arena, json.size + 1);
    size_t size = 0;
    for (size_t i = 0; out != NULL && i < json.size;) {
        size_t n = 1;
        int c = json.data[i] == '\\' ? unescape(json.data + i, json.size - i, &n) : json.data[i];
        out[size++] = (char)c;
        i += n;
    }
    if (out != NULL) {
        out[size] = '\0';
    }
    return out;
}

static sl_code parse(sl_text at, const char *path, sl_arena *arena, sli_manifest *out,
                     sl_error *err)
{
    sli_manifest manifest = {.format = SLI_CKPT_FORMAT};
    sl_text id, name, hash, graph = {NULL, 0}, place = {NULL, 0};
    if (!sli_text_skip(&at, "  \"job_id\": \"") ||
        !sli_text_until(&at, "\",\n  \"name\": \"", &id) || id.size != 32 ||
        !sli_text_until(&at, "\",\n  \"graph_hash\": \"", &name) ||
        !sli_text_until(&at, "\",\n", &hash) || hash.size != 16) {
        return sl_error_set(err, SL_E_CORRUPT, "%s: has not the lines of a manifest (offset 0)",
                            path);
    }
    memcpy(manifest.job_id, id.data, 32);
    for (size_t i = 0; i < 16; i++) {
        int digit = hex_digit(hash.data[i]);
        manifest.graph_hash = manifest.graph_hash << 4 | (uint64_t)(digit < 0 ? 0 : digit);
    }
    if (!sli_text_skip(&at, "  \"graph\": \"") || !sli_text_until(&at, "\",\n", &graph)) {
        graph = (sl_text){NULL, 0};
    } else if (sli_text_skip(&at, "  \"snapshots\": \"")) {
        (void)sli_text_until(&at, "\",\n", &place);
    }
    manifest.name = json_text(name, arena);
    manifest.snapshots = json_text(place, arena);
    manifest.graph = json_text(graph, arena);
    if (manifest.name == NULL || manifest.snapshots == NULL || manifest.graph == NULL) {
        return sl_error_nomem(err, name.size, "a job's name");
    }
    *out = manifest;
    return SL_OK;
}

sl_code sli_manifest_parse(sl_bytes file, const char *path, sl_arena *arena, sli_manifest *out,
                           sl_error *err)
{
    sl_text body;
    SL_TRY(sli_checked_open(file, path, "sluice_checkpoint", &body, err));
    return parse(body, path, arena, out, err);
}

sl_code sli_manifest_read(sl_env *env, const char *dir, sl_arena *arena, sli_manifest *out,
                          sl_error *err)
{
    sli_ckpt_path path;
    sli_ckpt_path_of(&path, dir, "MANIFEST.json");
    char *bytes = NULL;
    size_t size = 0;
    SL_TRY(sli_env_read_file(env, path.text, SLI_FILE_MOST_BYTES, &bytes, &size, err));
    sl_code rc = sli_manifest_parse((sl_bytes){bytes, size}, path.text, arena, out, err);
    sl_free(bytes);
    return rc;
}
