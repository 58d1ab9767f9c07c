/// chain.c — reading the epoch log: from the newest segment's BEGIN back to the parents it names.
///
/// Each BEGIN says how many of its parent's frames count, so what a superseded driver appended
/// later is not believed. The newest segment may end in a torn frame; anything else that does not
/// fit is damage.
#include "ckpt/ckpt_int.h"

enum { BEGIN_FIELDS = 32 + 8 * 9 };

void sli_begin_put(sli_str *out, const sli_begin *begin)
{
    sli_str_add(out, begin->job_id, 32);
    sli_put_u64(out, begin->graph_hash);
    sli_put_i64(out, begin->parent_generation);
    sli_put_i64(out, begin->parent_part);
    sli_put_i64(out, begin->cut);
    sli_put_u64(out, begin->parent_hash.low);
    sli_put_u64(out, begin->parent_hash.high);
    sli_put_u8(out, begin->whole ? 1 : 0);
    sli_put_i64(out, begin->carried);
    sli_put_i64(out, begin->floor);
    sli_put_i64(out, begin->free_to);
    sli_put_varint(out, (uint64_t)begin->n_cuts);
    for (int64_t i = 0; i < begin->n_cuts; i++) {
        sli_put_text(out, begin->cuts[i].uid);
        sli_put_i64(out, begin->cuts[i].generation);
        sli_put_i64(out, begin->cuts[i].end);
    }
}

static sl_code cuts_get(sli_reader *r, sl_arena *arena, sli_begin *begin, sl_error *err)
{
    uint64_t n = sli_get_varint(r);
    if (r->bad || n > (uint64_t)(r->end - r->at)) {
        return sl_error_set(err, SL_E_CORRUPT, "BEGIN names %" PRIu64 " write-ahead segments", n);
    }
    begin->cuts = sl_arena_alloc_zero(arena, (size_t)(n + 1) * sizeof *begin->cuts);
    if (begin->cuts == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *begin->cuts,
                              "write-ahead segments of a BEGIN");
    }
    begin->n_cuts = (int64_t)n;
    for (uint64_t i = 0; i < n; i++) {
        begin->cuts[i].uid = sli_get_text(r, arena);
        begin->cuts[i].generation = sli_get_i64(r);
        begin->cuts[i].end = sli_get_i64(r);
        if (r->bad || begin->cuts[i].uid == NULL) {
            return sl_error_set(err, SL_E_CORRUPT,
                                "BEGIN is damaged at write-ahead segment %" PRIu64, i);
        }
    }
    return SL_OK;
}

sl_code sli_begin_get(sl_bytes body, sl_arena *arena, sli_begin *out, sl_error *err)
{
    if (body.size < BEGIN_FIELDS) {
        return sl_error_set(err, SL_E_CORRUPT, "BEGIN has %zu bytes only", body.size);
    }
    sli_begin begin = {0};
    memcpy(begin.job_id, body.data, 32);
    sli_reader r = sli_reader_of((sl_bytes){(const char *)body.data + 32, body.size - 32});
    begin.graph_hash = sli_get_u64(&r);
    begin.parent_generation = sli_get_i64(&r);
    begin.parent_part = sli_get_i64(&r);
    begin.cut = sli_get_i64(&r);
    begin.parent_hash.low = sli_get_u64(&r);
    begin.parent_hash.high = sli_get_u64(&r);
    begin.whole = sli_get_u8(&r) != 0;
    begin.carried = sli_get_i64(&r);
    begin.floor = sli_get_i64(&r);
    begin.free_to = sli_get_i64(&r);
    SL_TRY(cuts_get(&r, arena, &begin, err));
    SL_TRY(sli_reader_done(&r, "BEGIN", err));
    *out = begin;
    return SL_OK;
}

// ---------------------------------------------------------------- one segment

static sl_code link_parse(sli_link *link, const char *path, const char *job_id, sl_arena *arena,
                          sl_error *err)
{
    sl_bytes file = {link->bytes, link->size};
    sli_head head;
    sli_hash128 hash;
    SL_TRY(sli_head_get(file, path, "SLUICElg", &head, &hash, err));
    if (head.generation != link->generation || head.number != link->part) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "%s: holds the segment of generation %" PRId64 ", part %" PRId64
                            " (offset 0)",
                            path, head.generation, head.number);
    }
    if (head.owner != sli_owner_of(job_id, "")) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "%s: belongs to another job than MANIFEST.json (offset 0)", path);
    }
    SL_TRY(sli_scan_frames(file, hash, arena, &link->scan, err));
    const sli_scan *scan = &link->scan;
    if (scan->n == 0 || scan->frames[0].kind != SLI_BEGIN) {
        return sl_error_set(err, SL_E_CORRUPT, "%s: its BEGIN at offset %d is damaged", path,
                            SLI_HEAD_BYTES);
    }
    SL_TRY(sl_error_wrap(err, sli_begin_get(scan->frames[0].body, arena, &link->begin, err),
                         "%s: offset %d", path, SLI_HEAD_BYTES));
    if (memcmp(link->begin.job_id, job_id, 32) != 0) {
        return sl_error_set(err, SL_E_CORRUPT, "%s: its BEGIN at offset %d is another job's", path,
                            SLI_HEAD_BYTES);
    }
    if (scan->n < 1 + link->begin.carried) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "%s: damaged at offset %" PRId64 ", in frame %" PRId64 " of %" PRId64
                            " that its BEGIN carries",
                            path, scan->end, scan->n, link->begin.carried);
    }
    int64_t beginning = 1 + link->begin.carried; // durable before the segment got its name
    link->sure = scan->sure > beginning ? scan->sure : beginning;
    return SL_OK;
}

static sl_code link_read(sli_link *link, sl_env *env, const char *dir, const char *job_id,
                         sl_arena *arena, sl_error *err)
{
    sli_ckpt_path path;
    sli_ckpt_path_of(&path, dir, "log/%06" PRId64 "-%04" PRId64 ".log", link->generation,
                     link->part);
    SL_TRY(sli_env_read_file(env, path.text, SLI_FILE_MOST_BYTES, &link->bytes, &link->size, err));
    sl_code rc = link_parse(link, path.text, job_id, arena, err);
    if (rc != SL_OK) {
        sl_free(link->bytes);
        link->bytes = NULL;
    }
    return rc;
}

// ---------------------------------------------------------------- the chain

static bool is_before(int64_t generation, int64_t part, const sli_link *link)
{
    return generation < link->generation || (generation == link->generation && part < link->part);
}

static sl_code find_newest(sl_env *env, const char *dir, int64_t below, sl_arena *arena,
                           sli_link *newest, sl_error *err)
{
    sli_ckpt_path path;
    sli_names names;
    SL_TRY(sli_names_list(env, sli_ckpt_path_of(&path, dir, "log"), arena, &names, err));
    *newest = (sli_link){0};
    for (int64_t i = 0; i < names.n; i++) {
        int64_t generation, part;
        bool tmp;
        if (sli_name_is_log(names.names[i], &generation, &part, &tmp) && !tmp &&
            generation < below && !is_before(generation, part, newest)) {
            *newest = (sli_link){.generation = generation, .part = part};
        }
    }
    return SL_OK;
}

/// The parent must have every frame that its child says counts, and end them with the same hash.
static sl_code check_parent(const char *dir, const sli_link *child, const sli_link *parent,
                            sl_error *err)
{
    const sli_scan *scan = &parent->scan;
    int64_t cut = child->begin.cut;
    bool fits = cut >= 1 && cut <= scan->n;
    if (fits) {
        sli_hash128 hash = scan->frames[cut - 1].hash;
        fits =
            hash.low == child->begin.parent_hash.low && hash.high == child->begin.parent_hash.high;
    }
    if (!fits) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "hole in the epoch log of generation %" PRId64 ": %s/log/%06" PRId64
                            "-%04" PRId64 ".log has %" PRId64 " whole frames up to offset %" PRId64
                            ", generation %" PRId64 " counted %" PRId64,
                            parent->generation, dir, parent->generation, parent->part, scan->n,
                            scan->end, child->generation, cut);
    }
    return SL_OK;
}

static sl_code link_add(sli_chain *chain, const sli_link *link, sl_error *err)
{
    enum { MOST = 1024 };
    if (chain->n_links == 0) {
        chain->links = sl_arena_alloc(chain->arena, MOST * sizeof *link);
    }
    if (chain->links == NULL) {
        return sl_error_nomem(err, MOST * sizeof *link, "the epoch log");
    }
    if (chain->n_links == MOST) {
        return sl_error_set(err, SL_E_CORRUPT, "the epoch log is a chain of more than %d segments",
                            MOST);
    }
    chain->links[chain->n_links++] = *link;
    chain->bytes += link->scan.end;
    return SL_OK;
}

static sl_code follow(sli_chain *chain, sl_env *env, const char *dir, const char *job_id,
                      sli_link next, sl_error *err)
{
    while (next.generation > 0) {
        SL_TRY(link_read(&next, env, dir, job_id, chain->arena, err));
        sl_code rc = link_add(chain, &next, err);
        if (rc != SL_OK) {
            sl_free(next.bytes);
            return rc;
        }
        const sli_link *link = &chain->links[chain->n_links - 1];
        if (chain->n_links > 1) {
            SL_TRY(check_parent(dir, link - 1, link, err));
        }
        const sli_begin *begin = &link->begin;
        if (begin->whole) {
            chain->floor = begin->floor;
            chain->free_to = begin->free_to;
            return SL_OK;
        }
        if (!is_before(begin->parent_generation, begin->parent_part, link)) {
            return sl_error_set(err, SL_E_CORRUPT,
                                "%s/log: generation %" PRId64
                                " names itself or a newer one as its parent",
                                dir, link->generation);
        }
        next = (sli_link){.generation = begin->parent_generation, .part = begin->parent_part};
    }
    return SL_OK;
}

static sl_code check_tail(const char *dir, const sli_link *newest, sl_error *err)
{
    if (!newest->scan.damaged) {
        return SL_OK;
    }
    return sl_error_set(err, SL_E_CORRUPT,
                        "%s/log/%06" PRId64 "-%04" PRId64 ".log: damaged at offset %" PRId64
                        ", before frames that are whole: no crash leaves that",
                        dir, newest->generation, newest->part, newest->scan.end);
}

static sl_code collect(sli_chain *chain, bool cut_ignored, sl_error *err)
{
    int64_t most = 0;
    for (int64_t i = 0; i < chain->n_links; i++) {
        most += chain->links[i].scan.n;
    }
    chain->frames = sl_arena_alloc_zero(chain->arena, (size_t)(most + 1) * sizeof *chain->frames);
    if (chain->frames == NULL) {
        return sl_error_nomem(err, (size_t)most * sizeof *chain->frames, "frames of the epoch log");
    }
    for (int64_t i = chain->n_links; i-- > 0;) {
        const sli_scan *scan = &chain->links[i].scan;
        int64_t n = i == 0 || cut_ignored ? scan->n : chain->links[i - 1].begin.cut;
        for (int64_t k = 1; k < n; k++) {
            const sli_raw_frame *raw = &scan->frames[k];
            chain->frames[chain->n_frames++] = (sli_frame){.kind = (sli_frame_kind)raw->kind,
                                                           .generation = raw->generation,
                                                           .number = raw->number,
                                                           .about = raw->about,
                                                           .body = raw->body};
        }
    }
    return SL_OK;
}

void sli_chain_total(sli_chain *chain)
{
    chain->last_plan = chain->last_sealed = chain->last_committed = chain->last_time_us = 0;
    for (int64_t i = 0; i < chain->n_frames; i++) {
        const sli_frame *frame = &chain->frames[i];
        if (frame->kind == SLI_PLAN && frame->number > chain->last_plan) {
            chain->last_plan = frame->number;
            chain->last_time_us = frame->about;
        } else if (frame->kind == SLI_SEALED && frame->number > chain->last_sealed) {
            chain->last_sealed = frame->number;
        } else if (frame->kind == SLI_COMMITTED && frame->number > chain->last_committed) {
            chain->last_committed = frame->number;
        }
    }
}

static sl_code read_all(sli_chain *chain, sl_env *env, const char *dir, const char *job_id,
                        int64_t below, bool cut_ignored, sl_error *err)
{
    sli_link newest;
    SL_TRY(find_newest(env, dir, below, chain->arena, &newest, err));
    if (newest.generation > 0 && job_id == NULL) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "%s/MANIFEST.json is missing, and there is an epoch log: bring it back",
                            dir);
    }
    SL_TRY(follow(chain, env, dir, job_id, newest, err));
    if (chain->n_links > 0) {
        SL_TRY(check_tail(dir, &chain->links[0], err));
    }
    SL_TRY(collect(chain, cut_ignored, err));
    sli_chain_total(chain);
    return SL_OK;
}

sl_code sli_chain_read(sli_chain *chain, sl_env *env, const char *dir, const char *job_id,
                       int64_t below, bool cut_ignored, sl_error *err)
{
    *chain = (sli_chain){.arena = sl_arena_new(SLI_TAG_CKPT)};
    if (chain->arena == NULL) {
        return sl_error_nomem(err, sizeof *chain, "the epoch log");
    }
    sl_code rc = read_all(chain, env, dir, job_id, below, cut_ignored, err);
    if (rc != SL_OK) {
        sli_chain_reset(chain);
    }
    return rc;
}

void sli_chain_reset(sli_chain *chain)
{
    for (int64_t i = 0; i < chain->n_links; i++) {
        sl_free(chain->links[i].bytes);
    }
    sl_arena_free(chain->arena);
    *chain = (sli_chain){0};
}
