// What bad disks and hasty people do to a checkpoint between two processes.
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

// ---------------------------------------------------------------- rot

static sl_code newest_name(void *ctx, const char *name, sl_error *err)
{
    (void)err;
    (void)snprintf(ctx, 256, "checkpoint/log/%s", name); // names come in order
    return SL_OK;
}

/// Offset of the last SEALED frame; -1 without one. Frames begin at multiples of 8.
static int64_t last_sealed(const char *bytes, size_t size)
{
    int64_t found = -1;
    for (size_t at = 64; at + 8 <= size; at += 8) {
        if (memcmp(bytes + at, "SLFR\3\0\0\0", 8) == 0) {
            found = (int64_t)at;
        }
    }
    return found;
}

void slt_spoil_rot(slt_sim *sim)
{
    char path[256] = "", *bytes = NULL;
    size_t size = 0;
    sl_code rc = sli_world_list(sim->world, "checkpoint/log", newest_name, path, NULL);
    rc = rc == SL_OK ? sli_world_read(sim->world, path, &bytes, &size, NULL) : rc;
    int64_t at = rc == SL_OK ? last_sealed(bytes, size) : -1;
    rc = at >= 0 ? sli_world_cut(sim->world, path, at, NULL) : SL_E_NOT_FOUND;
    if (rc != SL_OK) {
        slt_sim_wrong(sim, "'%s' has no SEALED frame to lose", path);
    }
    sl_free(bytes);
}

// ---------------------------------------------------------------- wiped

typedef struct branch {
    slt_sim *sim;
    const char *dir;
} branch;

static void remove_tree(slt_sim *sim, const char *path);

static sl_code remove_entry(void *ctx, const char *name, sl_error *err)
{
    const branch *b = ctx;
    char path[512];
    (void)err;
    (void)snprintf(path, sizeof path, "%s/%s", b->dir, name);
    remove_tree(b->sim, path);
    return SL_OK;
}

static void remove_tree(slt_sim *sim, const char *path)
{
    branch b = {sim, path};
    (void)sli_world_list(sim->world, path, remove_entry, &b, NULL); // a file has no entries
    if (sli_world_remove(sim->world, path, NULL) != SL_OK) {
        slt_sim_wrong(sim, "%s can't be removed", path);
    }
}

/// The tag of a published name: the job and output that made it.
static sl_code ignore_name(void *ctx, const char *name, sl_error *err)
{
    slt_sim *sim = ctx;
    int64_t first = 0, last = 0;
    const char *tag = slt_published_tag(name, &first, &last);
    (void)err;
    if (tag != NULL && sim->n_ignored < 64) {
        (void)snprintf(sim->ignored[sim->n_ignored++], sizeof sim->ignored[0], "%.8s", tag);
    }
    return SL_OK;
}

void slt_spoil_wipe(slt_sim *sim)
{
    static const char *const outputs[] = {"out/all", "out/pairs", "out/counts"};
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        (void)sli_world_list(sim->world, outputs[i], ignore_name, sim, NULL); // not every job's
    }
    for (int32_t e = 0; e < SLT_MOST_EPOCHS; e++) { // the new job counts epochs anew
        sl_free(sim->calls[e]);
        sim->calls[e] = NULL;
    }
    remove_tree(sim, "checkpoint");
}
