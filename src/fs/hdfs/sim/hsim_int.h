/// hsim_int.h — the simulated cluster's parts: the tree of names, and what WebHDFS answers.
#pragma once

#include "fs/hdfs/sim/cluster.h"

// ---------------------------------------------------------------- the tree (tree.c)

/// A file or a directory. Names are paths from the root, without a '/' behind; the root is "".
typedef struct hsim_node {
    char *path;
    sli_str bytes;
    int64_t id, modified_us;
    bool is_dir;
} hsim_node;

/// In byte order of paths.
typedef struct hsim_tree {
    hsim_node **nodes;
    int64_t n, capacity, next_id;
} hsim_tree;

bool sli_hsim_tree_init(hsim_tree *tree);
void sli_hsim_tree_reset(hsim_tree *tree);
hsim_node *sli_hsim_find(const hsim_tree *tree, const char *path); ///< NULL: none
hsim_node *sli_hsim_find_dir_of(const hsim_tree *tree, const char *path);
/// A file where a directory of the path should be; NULL: none.
hsim_node *sli_hsim_find_blocking(const hsim_tree *tree, const char *path);
/// Whether `path` is `dir`, or lies below it.
bool sli_hsim_is_below(const char *path, const char *dir);
/// A new node; its directory is there. NULL without memory.
hsim_node *sli_hsim_add(hsim_tree *tree, const char *path, bool is_dir, int64_t now_us);
/// A directory and those above it. NULL: a file is in the way, or no memory.
hsim_node *sli_hsim_make_dirs(hsim_tree *tree, const char *path, int64_t now_us);
void sli_hsim_remove(hsim_tree *tree, const char *path, int64_t now_us); ///< with all below it
/// Moves a node with all below it; `to` is free and its directory there. False without memory:
/// then part of a tree may have moved, of a single file nothing.
bool sli_hsim_move(hsim_tree *tree, const char *from, const char *to, int64_t now_us);
/// The first node below a directory that comes after `last` (NULL: the first); NULL: none is left.
const hsim_node *sli_hsim_child(const hsim_tree *tree, const char *dir, const hsim_node *last);

// ---------------------------------------------------------------- requests (webhdfs.c)

struct sli_hdfs_cluster {
    sli_module module; ///< first: how a client finds its cluster
    sli_world *world;
    sli_rng rng;
    hsim_tree tree;
    int64_t away_until_us, mute_until_us, safe_until_us, lease_until_us;
    int64_t n_requests, lose_at, n_shown;
    int64_t quota_bytes;
    const char *forbidden, *leased; ///< paths, or NULL
    const char *muted;              ///< a server, or NULL
    double lose_chance;
    int32_t active; ///< 0: nn1
    bool lose_done, datanode_away, old_rename, is_secure;
};

/// What a server was asked, and what it says.
typedef struct hsim_request {
    const char *method;
    bool to_datanode;
    sli_str path, op, destination, sources;
    int64_t offset, length; ///< length -1: all
    bool overwrite, createparent, recursive, has_rename_option, is_data;
    sl_bytes body;
    // ---- the answer
    int32_t status;
    sli_str location, answer;
} hsim_request;

/// Takes the URL apart. False without memory, or for what is no WebHDFS.
bool sli_hsim_parse(hsim_request *r, const char *url);
void sli_hsim_request_reset(hsim_request *r);
/// Does it, and fills in the answer.
void sli_hsim_answer(sli_hdfs_cluster *cluster, hsim_request *r);

extern const sli_http_ops sli_hsim_http; ///< connect.c
