/// limits.c — how many processors and how much memory this process may use.
///
/// A container is a control group, and sees the machine's processors and memory all the same. So
/// the process's own group is looked for in every hierarchy that may limit it (version 2, and the
/// version 1 hierarchies of `cpu` and `memory`; both kinds may be mounted at once), and every group
/// from there up to the mounted root counts: the smallest limit is the one that holds.
///
/// A namespace may show only a part of a hierarchy, and /proc/self/cgroup may name a path that the
/// mount does not have. Then leading names are left out until a directory is there; in the end that
/// is the mounted root, which inside a container is the container's own group.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "env/posix/posix_int.h"

enum { FILE_LIMIT = 16 << 20 }; ///< bytes of a file here; a longer one says nothing

static int64_t less(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

// ---------------------------------------------------------------- small files

static bool read_to_end(int fd, sli_str *out)
{
    char piece[4096];
    for (;;) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0 && !out->failed;
        }
        sli_str_add(out, piece, (size_t)n);
        if (out->size > FILE_LIMIT) {
            return false;
        }
    }
}

/// The content of dir/name, which the caller resets; nothing when it can't be read.
static sl_text read_file(const char *dir, const char *name, sli_str *content)
{
    sli_str path = {.tag = SLI_TAG_ENV};
    *content = (sli_str){.tag = SLI_TAG_ENV};
    sli_str_printf(&path, "%s/%s", dir, name);
    int fd = path.failed ? -1 : open(path.data, O_RDONLY | O_CLOEXEC);
    bool whole = fd >= 0 && read_to_end(fd, content);
    if (fd >= 0) {
        close(fd);
    }
    sli_str_reset(&path);
    return whole && content->size > 0 ? (sl_text){content->data, content->size} : (sl_text){"", 0};
}

/// Cuts what stands before `end`, or all, from the front of `rest`.
static sl_text cut(sl_text *rest, char end)
{
    sl_text head = {rest->data, 0};
    while (head.size < rest->size && head.data[head.size] != end) {
        head.size++;
    }
    size_t used = head.size + (head.size < rest->size ? 1 : 0);
    *rest = (sl_text){rest->data + used, rest->size - used};
    return head;
}

/// Whether "cpu,cpuacct" has the word "cpu".
static bool lists(sl_text list, char separator, const char *word)
{
    while (list.size > 0) {
        if (sli_text_is(cut(&list, separator), word)) {
            return true;
        }
    }
    return false;
}

// ---------------------------------------------------------------- limits in the files of a group

/// A positive number, or INT64_MAX: "max", -1, rubbish.
static int64_t limit_of(sl_text text)
{
    int64_t value = 0;
    return sli_scan_int64(text, &value, NULL) == SL_OK && value > 0 ? value : INT64_MAX;
}

static int64_t read_limit(const char *dir, const char *name)
{
    sli_str content;
    sl_text text = read_file(dir, name, &content);
    int64_t limit = limit_of(cut(&text, '\n'));
    sli_str_reset(&content);
    return limit;
}

/// A quota of 1.5 processors is two: one worker would leave a third of it unused.
static int64_t processors_of(int64_t quota, int64_t period)
{
    bool limits = quota != INT64_MAX && period != INT64_MAX;
    return limits ? quota / period + (quota % period != 0 ? 1 : 0) : INT64_MAX;
}

static int64_t memory_2(const char *dir)
{
    return read_limit(dir, "memory.max");
}

static int64_t memory_1(const char *dir)
{
    return read_limit(dir, "memory.limit_in_bytes");
}

/// "150000 100000" or "max 100000".
static int64_t processors_2(const char *dir)
{
    sli_str content;
    sl_text text = read_file(dir, "cpu.max", &content), line = cut(&text, '\n');
    int64_t quota = limit_of(cut(&line, ' '));
    int64_t processors = processors_of(quota, limit_of(line));
    sli_str_reset(&content);
    return processors;
}

static int64_t processors_1(const char *dir)
{
    return processors_of(read_limit(dir, "cpu.cfs_quota_us"), read_limit(dir, "cpu.cfs_period_us"));
}

// ---------------------------------------------------------------- where the process's group is

/// What the kernel says about groups and mounts; `root` stands before every path.
typedef struct view {
    const char *root;
    sl_text groups, mounts;
} view;

/// Where a hierarchy is mounted, and which group of it.
typedef struct mount {
    sl_text root, point;
    bool holds; ///< the process's group lies in it
} mount;

/// Path of the process's group in the hierarchy of `controller`, or (NULL) of version 2. Lines are
/// "4:memory:/path", of version 2 "0::/path".
static bool own_path(const view *v, const char *controller, sl_text *path)
{
    for (sl_text rest = v->groups; rest.size > 0;) {
        sl_text line = cut(&rest, '\n');
        (void)cut(&line, ':');
        sl_text controllers = cut(&line, ':');
        if (controller == NULL ? controllers.size == 0 : lists(controllers, ',', controller)) {
            *path = line;
            return line.size > 0 && line.data[0] == '/';
        }
    }
    return false;
}

/// Whether `path` is `root` or lies under it.
static bool lies_in(sl_text path, sl_text root)
{
    return sli_text_is(root, "/") ||
           (path.size >= root.size && memcmp(path.data, root.data, root.size) == 0 &&
            (path.size == root.size || path.data[root.size] == '/'));
}

/// Reads a line of mountinfo: "35 31 0:32 ROOT POINT OPTIONS ... - cgroup SOURCE OPTIONS". False
/// when it is no mount of the hierarchy.
static bool read_mount(sl_text line, const char *controller, sl_text path, mount *out)
{
    for (int i = 0; i < 3; i++) {
        (void)cut(&line, ' ');
    }
    out->root = cut(&line, ' ');
    out->point = cut(&line, ' ');
    out->holds = lies_in(path, out->root);
    while (line.size > 0 && !sli_text_is(cut(&line, ' '), "-")) {
    }
    sl_text type = cut(&line, ' ');
    (void)cut(&line, ' ');
    return controller == NULL ? sli_text_is(type, "cgroup2")
                              : sli_text_is(type, "cgroup") && lists(line, ',', controller);
}

/// The mount that holds `path`, else the first one of the hierarchy.
static bool find_mount(const view *v, const char *controller, sl_text path, mount *out)
{
    bool found = false;
    for (sl_text rest = v->mounts; rest.size > 0;) {
        mount at;
        if (read_mount(cut(&rest, '\n'), controller, path, &at) &&
            (!found || (at.holds && !out->holds))) {
            *out = at;
            found = true;
        }
    }
    return found;
}

/// Adds a path of mountinfo, in which blanks stand as \040.
static void add_unescaped(sli_str *out, sl_text path)
{
    for (size_t i = 0; i < path.size; i++) {
        const char *at = path.data + i;
        bool escaped = *at == '\\' && path.size - i > 3;
        sli_str_char(out,
                     escaped ? (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + at[3] - '0') : *at);
        i += escaped ? 3 : 0;
    }
}

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void shorten(sli_str *s, size_t size)
{
    s->size = size;
    s->data[size] = '\0';
}

/// The directory of the process's group into `dir`; *top is the length of the mount's part of it.
/// False without memory.
static bool find_dir(const view *v, const mount *m, sl_text path, sli_str *dir, size_t *top)
{
    size_t known = m->holds && !sli_text_is(m->root, "/") ? m->root.size : 0;
    sl_text names = {path.data + known, path.size - known};
    bool outside = lists(names, '/', ".."); // of what the namespace shows
    sli_str_text(dir, v->root);
    add_unescaped(dir, m->point);
    *top = dir->size;
    (void)cut(&names, '/'); // what stands before the first slash: nothing
    for (names.size = outside ? 0 : names.size; names.size > 0; (void)cut(&names, '/')) {
        sli_str_char(dir, '/');
        sli_str_add(dir, names.data, names.size);
        if (dir->failed || is_dir(dir->data)) {
            break;
        }
        shorten(dir, *top);
    }
    return !dir->failed;
}

/// The smallest limit from the process's group up to the mounted root.
static int64_t smallest(const view *v, const char *controller, int64_t (*read)(const char *dir))
{
    sl_text path;
    mount m;
    if (!own_path(v, controller, &path) || !find_mount(v, controller, path, &m)) {
        return INT64_MAX;
    }
    int64_t limit = INT64_MAX;
    sli_str dir = {.tag = SLI_TAG_ENV};
    size_t top = 0;
    for (bool more = find_dir(v, &m, path, &dir, &top); more;) {
        limit = less(limit, read(dir.data));
        more = dir.size > top;
        const char *slash = more ? strrchr(dir.data, '/') : NULL;
        shorten(&dir, slash == NULL ? top : (size_t)(slash - dir.data));
    }
    sli_str_reset(&dir);
    return limit;
}

posix_limits sli_posix_group_limits(const char *root)
{
    sli_str groups, mounts;
    view v = {
        .root = root,
        .groups = read_file(root, "proc/self/cgroup", &groups),
        .mounts = read_file(root, "proc/self/mountinfo", &mounts),
    };
    posix_limits limits = {
        .processors = less(smallest(&v, NULL, processors_2), smallest(&v, "cpu", processors_1)),
        .memory_bytes = less(smallest(&v, NULL, memory_2), smallest(&v, "memory", memory_1)),
    };
    sli_str_reset(&groups);
    sli_str_reset(&mounts);
    return limits;
}

// ---------------------------------------------------------------- the process

/// The affinity mask, which the kernel keeps inside the cpuset of the process's group.
static int64_t affine_processors(void)
{
    cpu_set_t sets[8]; // 8,192 processors: as many as a kernel is built for
    CPU_ZERO_S(sizeof sets, sets);
    return sched_getaffinity(0, sizeof sets, sets) == 0 ? CPU_COUNT_S(sizeof sets, sets) : 1;
}

int32_t sli_posix_cpus(sl_env *env)
{
    (void)env;
    int64_t n = less(affine_processors(), sli_posix_group_limits("").processors);
    return n < 1 ? 1 : (int32_t)n;
}

int64_t sli_posix_memory_bytes(sl_env *env)
{
    (void)env;
    int64_t pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    int64_t all = pages > 0 && page_bytes > 0 ? pages * page_bytes : INT64_MAX;
    return less(all, sli_posix_group_limits("").memory_bytes);
}
