/// tree.c — the names of a simulated HDFS: a sorted list of paths, since tests have few.
#include "fs/hdfs/sim/hsim_int.h"

#include <stdlib.h>

enum { FIRST_ID = 16385 }; // as HDFS numbers its root

bool sli_hsim_tree_init(hsim_tree *tree)
{
    *tree = (hsim_tree){.next_id = FIRST_ID};
    return sli_hsim_add(tree, "", true, 0) != NULL;
}

static void node_free(hsim_node *node)
{
    sl_free(node->path);
    sli_str_reset(&node->bytes);
    sl_free(node);
}

void sli_hsim_tree_reset(hsim_tree *tree)
{
    for (int64_t i = 0; i < tree->n; i++) {
        node_free(tree->nodes[i]);
    }
    sl_free(tree->nodes);
    *tree = (hsim_tree){0};
}

/// The place of the path that the first `n` bytes are, or where it belongs.
static int64_t place_of(const hsim_tree *tree, const char *path, size_t n)
{
    int64_t low = 0, high = tree->n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (strncmp(tree->nodes[middle]->path, path, n) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/// A path comes before all that begin with it.
static hsim_node *find(const hsim_tree *tree, const char *path, size_t n)
{
    int64_t i = place_of(tree, path, n);
    bool is_it = i < tree->n && strncmp(tree->nodes[i]->path, path, n) == 0 &&
                 tree->nodes[i]->path[n] == '\0';
    return is_it ? tree->nodes[i] : NULL;
}

hsim_node *sli_hsim_find(const hsim_tree *tree, const char *path)
{
    return find(tree, path, strlen(path));
}

hsim_node *sli_hsim_find_dir_of(const hsim_tree *tree, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? NULL : find(tree, path, (size_t)(slash - path));
}

hsim_node *sli_hsim_find_blocking(const hsim_tree *tree, const char *path)
{
    for (size_t n = 1; path[0] != '\0' && path[n] != '\0'; n++) {
        hsim_node *node = path[n] == '/' ? find(tree, path, n) : NULL;
        if (node != NULL && !node->is_dir) {
            return node;
        }
    }
    return NULL;
}

bool sli_hsim_is_below(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/// The directory of a path is another one from now on.
static void touch_dir(hsim_tree *tree, const char *path, int64_t now_us)
{
    hsim_node *node = sli_hsim_find_dir_of(tree, path);
    if (node != NULL) {
        node->modified_us = now_us;
    }
}

static bool insert(hsim_tree *tree, hsim_node *node)
{
    if (tree->n == tree->capacity) {
        int64_t capacity = tree->capacity == 0 ? 64 : tree->capacity * 2;
        hsim_node **nodes =
            sl_realloc(SLI_TAG_ENV, tree->nodes, (size_t)capacity * sizeof(hsim_node *));
        if (nodes == NULL) {
            return false;
        }
        tree->nodes = nodes;
        tree->capacity = capacity;
    }
    int64_t i = place_of(tree, node->path, strlen(node->path) + 1);
    memmove(tree->nodes + i + 1, tree->nodes + i, (size_t)(tree->n - i) * sizeof(hsim_node *));
    tree->nodes[i] = node;
    tree->n++;
    return true;
}

hsim_node *sli_hsim_add(hsim_tree *tree, const char *path, bool is_dir, int64_t now_us)
{
    hsim_node *node = sl_alloc_zero(SLI_TAG_ENV, sizeof *node);
    if (node == NULL) {
        return NULL;
    }
    *node = (hsim_node){.path = sl_strdup(SLI_TAG_ENV, path),
                        .id = tree->next_id++,
                        .modified_us = now_us,
                        .is_dir = is_dir,
                        .bytes = {.tag = SLI_TAG_ENV}};
    if (node->path == NULL || !insert(tree, node)) {
        node_free(node);
        return NULL;
    }
    touch_dir(tree, path, now_us);
    return node;
}

hsim_node *sli_hsim_make_dirs(hsim_tree *tree, const char *path, int64_t now_us)
{
    hsim_node *node = sli_hsim_find(tree, "");
    for (size_t n = 1; node != NULL && path[n - 1] != '\0'; n++) {
        if (n == 1 || (path[n] != '/' && path[n] != '\0')) {
            continue;
        }
        char *dir = sl_strndup(SLI_TAG_ENV, path, n);
        hsim_node *there = find(tree, path, n);
        bool is_blocked = dir == NULL || (there != NULL && !there->is_dir);
        node = is_blocked ? NULL : there != NULL ? there : sli_hsim_add(tree, dir, true, now_us);
        sl_free(dir);
    }
    return node;
}

void sli_hsim_remove(hsim_tree *tree, const char *path, int64_t now_us)
{
    int64_t kept = 0;
    touch_dir(tree, path, now_us);
    for (int64_t i = 0; i < tree->n; i++) {
        if (sli_hsim_is_below(tree->nodes[i]->path, path)) {
            node_free(tree->nodes[i]);
        } else {
            tree->nodes[kept++] = tree->nodes[i];
        }
    }
    tree->n = kept;
}

static int by_path(const void *a, const void *b)
{
    const hsim_node *x = *(hsim_node *const *)a, *y = *(hsim_node *const *)b;
    return strcmp(x->path, y->path);
}

bool sli_hsim_move(hsim_tree *tree, const char *from, const char *to, int64_t now_us)
{
    size_t n = strlen(from);
    touch_dir(tree, from, now_us);
    for (int64_t i = 0; i < tree->n; i++) {
        hsim_node *node = tree->nodes[i];
        if (!sli_hsim_is_below(node->path, from)) {
            continue;
        }
        sli_str path = {.tag = SLI_TAG_ENV};
        sli_str_text(&path, to);
        sli_str_text(&path, node->path + n);
        char *moved = sli_str_take(&path);
        if (moved == NULL) {
            return false;
        }
        sl_free(node->path);
        node->path = moved;
    }
    qsort(tree->nodes, (size_t)tree->n, sizeof(hsim_node *), by_path);
    touch_dir(tree, to, now_us);
    return true;
}

const hsim_node *sli_hsim_child(const hsim_tree *tree, const char *dir, const hsim_node *last)
{
    size_t n = strlen(dir);
    const char *from = last == NULL ? dir : last->path;
    for (int64_t i = place_of(tree, from, strlen(from)); i < tree->n; i++) {
        const hsim_node *node = tree->nodes[i];
        bool is_inside = sli_hsim_is_below(node->path, dir) && node->path[n] == '/';
        if (node != last && is_inside && strchr(node->path + n + 1, '/') == NULL) {
            return node;
        }
    }
    return NULL;
}
