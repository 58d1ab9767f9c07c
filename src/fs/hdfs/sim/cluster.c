/// cluster.c — the simulated cluster as a whole: made, freed, hurt, looked at.
#include "fs/hdfs/sim/hsim_int.h"

#include "base/arena.h"
#include "fs/fs.h"

sli_hdfs_cluster *sli_hdfs_cluster_new(sli_world *world)
{
    sli_hdfs_cluster *cluster = sl_alloc_zero(SLI_TAG_ENV, sizeof *cluster);
    if (cluster == NULL || !sli_hsim_tree_init(&cluster->tree)) {
        sl_free(cluster);
        return NULL;
    }
    cluster->module = (sli_module){.struct_size = sizeof(sli_module),
                                   .name = "http_curl",
                                   .needs = "nothing: a simulated cluster",
                                   .abi = SLI_HTTP_ABI,
                                   .table = &sli_hsim_http};
    cluster->world = world;
    cluster->rng = sli_world_rng(world, "hdfs");
    bool is_there = sli_world_module(world, "http_curl", &cluster->module);
    SL_ASSERT(is_there, "a world with a cluster has too many modules");
    return cluster;
}

void sli_hdfs_cluster_free(sli_hdfs_cluster *cluster)
{
    if (cluster != NULL) {
        (void)sli_world_module(cluster->world, "http_curl", NULL);
        sli_hsim_tree_reset(&cluster->tree);
        sl_free(cluster);
    }
}

// ---------------------------------------------------------------- what goes wrong

static int64_t until(const sli_hdfs_cluster *cluster, int64_t for_us)
{
    int64_t now = sli_world_mono_us(cluster->world);
    return for_us < SLI_FOREVER - now ? now + for_us : SLI_FOREVER;
}

void sli_hdfs_cluster_away(sli_hdfs_cluster *cluster, int64_t for_us)
{
    cluster->away_until_us = until(cluster, for_us);
}

void sli_hdfs_cluster_mute(sli_hdfs_cluster *cluster, const char *server, int64_t for_us)
{
    cluster->muted = server;
    cluster->mute_until_us = until(cluster, for_us);
}

void sli_hdfs_cluster_safe_mode(sli_hdfs_cluster *cluster, int64_t for_us)
{
    cluster->safe_until_us = until(cluster, for_us);
}

void sli_hdfs_cluster_failover(sli_hdfs_cluster *cluster)
{
    cluster->active = 1 - cluster->active;
}

void sli_hdfs_cluster_datanode(sli_hdfs_cluster *cluster, bool away)
{
    cluster->datanode_away = away;
}

void sli_hdfs_cluster_lose_at(sli_hdfs_cluster *cluster, int64_t n, bool done)
{
    cluster->lose_at = cluster->n_requests + n;
    cluster->lose_done = done;
}

void sli_hdfs_cluster_lose(sli_hdfs_cluster *cluster, double chance)
{
    cluster->lose_chance = chance;
}

void sli_hdfs_cluster_quota(sli_hdfs_cluster *cluster, int64_t bytes)
{
    cluster->quota_bytes = bytes;
}

void sli_hdfs_cluster_forbid(sli_hdfs_cluster *cluster, const char *path)
{
    cluster->forbidden = path;
}

void sli_hdfs_cluster_lease(sli_hdfs_cluster *cluster, const char *path, int64_t for_us)
{
    cluster->leased = path;
    cluster->lease_until_us = until(cluster, for_us);
}

void sli_hdfs_cluster_old_rename(sli_hdfs_cluster *cluster, bool old)
{
    cluster->old_rename = old;
}

// ---------------------------------------------------------------- looking

void sli_hdfs_cluster_secure(sli_hdfs_cluster *cluster)
{
    cluster->is_secure = true;
}

int64_t sli_hdfs_cluster_requests(const sli_hdfs_cluster *cluster)
{
    return cluster->n_requests;
}

int64_t sli_hdfs_cluster_shown(const sli_hdfs_cluster *cluster)
{
    return cluster->n_shown;
}

bool sli_hdfs_cluster_put(sli_hdfs_cluster *cluster, const char *path, sl_text content)
{
    int64_t now = INT64_C(1600000000000000) + sli_world_mono_us(cluster->world);
    sl_arena *arena = sl_arena_new(SLI_TAG_ENV);
    const char *dir = arena == NULL ? NULL : sli_path_dir(arena, path);
    hsim_node *node = NULL;
    if (dir != NULL && sli_hsim_make_dirs(&cluster->tree, dir, now) != NULL) {
        node = sli_hsim_add(&cluster->tree, path, false, now);
    }
    if (node != NULL) {
        sli_str_add(&node->bytes, content.data, content.size);
    }
    sl_arena_free(arena);
    return node != NULL && !node->bytes.failed;
}

const sli_str *sli_hdfs_cluster_file(const sli_hdfs_cluster *cluster, const char *path)
{
    const hsim_node *node = sli_hsim_find(&cluster->tree, path);
    return node == NULL || node->is_dir ? NULL : &node->bytes;
}

void sli_hdfs_cluster_look(const sli_hdfs_cluster *cluster, const char *dir, sli_hdfs_look_fn each,
                           void *ctx)
{
    for (int64_t i = 0; i < cluster->tree.n; i++) {
        const hsim_node *node = cluster->tree.nodes[i];
        if (!node->is_dir && sli_hsim_is_below(node->path, dir)) {
            each(ctx, node->path, (sl_text){node->bytes.data, node->bytes.size});
        }
    }
}
