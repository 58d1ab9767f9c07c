/// path.c — paths as text: joining and splitting, without asking any file system.
#include "fs/fs.h"

char *sli_path_join(sl_arena *arena, const char *dir, const char *name)
{
    size_t n_dir = strlen(dir);
    if (n_dir == 0) {
        return sl_arena_strdup(arena, name);
    }
    name += strspn(name, "/");
    while (n_dir > 0 && dir[n_dir - 1] == '/') {
        n_dir--;
    }
    size_t n_name = strlen(name);
    char *path = sl_arena_alloc(arena, n_dir + n_name + 2);
    if (path == NULL) {
        return NULL;
    }
    memcpy(path, dir, n_dir);
    path[n_dir] = '/';
    memcpy(path + n_dir + 1, name, n_name + 1);
    return path;
}

char *sli_path_dir(sl_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return sl_arena_strdup(arena, ".");
    }
    size_t n = (size_t)(slash - path);
    while (n > 0 && path[n - 1] == '/') {
        n--;
    }
    if (n == 0) {
        return sl_arena_strdup(arena, "/");
    }
    char *dir = sl_arena_copy(arena, path, n + 1); // the slash's place takes the zero
    if (dir != NULL) {
        dir[n] = '\0';
    }
    return dir;
}

const char *sli_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}
