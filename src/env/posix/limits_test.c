/// limits_test.c — control groups as trees of files: both versions, mixed, in namespaces, damaged.
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "env/posix/posix_int.h"
#include "sl_test.h"

/// Writes root/path, and its directories.
static void put(const char *root, const char *path, const char *text)
{
    char full[1024];
    int n = snprintf(full, sizeof full, "%s/%s", root, path);
    assert_in_range(n, 1, sizeof full - 1);
    for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(full, 0700); // it may be there
        *at = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

#define V2(root) "41 31 0:38 " root " /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw\n"
#define MEMORY(root)                                                                               \
    "35 31 0:32 " root " /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
#define CPU(root)                                                                                  \
    "36 31 0:33 " root " /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"

enum { MIB = 1 << 20, FILES = 8 };
static const int64_t none = INT64_MAX;

typedef struct file {
    const char *path, *text;
} file;

/// What the kernel says, and what has to be found.
typedef struct example {
    const char *what, *groups, *mounts;
    file files[FILES];
    int64_t processors, memory_bytes;
} example;

static const example examples[] = {
    {"version 2, the group's own limits",
     "0::/job\n",
     V2("/"),
     {{"sys/fs/cgroup/job/memory.max", "268435456\n"},
      {"sys/fs/cgroup/job/cpu.max", "200000 100000\n"}},
     2,
     256 * MIB},
    {"version 2, a part of a processor is a whole one",
     "0::/job\n",
     V2("/"),
     {{"sys/fs/cgroup/job/cpu.max", "10000 100000\n"}, {"sys/fs/cgroup/job/memory.max", "max\n"}},
     1,
     none},
    {"version 2, one and a half processors are two",
     "0::/job\n",
     V2("/"),
     {{"sys/fs/cgroup/job/cpu.max", "150000 100000\n"}},
     2,
     none},
    {"version 2, no limits",
     "0::/job\n",
     V2("/"),
     {{"sys/fs/cgroup/job/memory.max", "max\n"}, {"sys/fs/cgroup/job/cpu.max", "max 100000\n"}},
     none,
     none},
    {"version 2, a parent limits more than the group, and a grandparent the rest",
     "0::/a/b/c\n",
     V2("/"),
     {{"sys/fs/cgroup/a/b/c/memory.max", "1073741824\n"},
      {"sys/fs/cgroup/a/b/memory.max", "134217728\n"},
      {"sys/fs/cgroup/a/memory.max", "max\n"},
      {"sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n"},
      {"sys/fs/cgroup/a/cpu.max", "300000 100000\n"}},
     3,
     128 * MIB},
    {"version 1",
     "4:memory:/job\n1:cpu,cpuacct:/other\n",
     MEMORY("/") CPU("/"),
     {{"sys/fs/cgroup/memory/job/memory.limit_in_bytes", "67108864\n"},
      {"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
      {"sys/fs/cgroup/cpu/other/cpu.cfs_quota_us", "400000\n"},
      {"sys/fs/cgroup/cpu/other/cpu.cfs_period_us", "100000\n"},
      {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
      {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
     4,
     64 * MIB},
    {"hybrid: version 1 has the controllers, version 2 the names",
     "4:memory:/job\n1:cpu:/\n0::/job\n",
     MEMORY("/") CPU("/") V2("/"),
     {{"sys/fs/cgroup/memory/job/memory.limit_in_bytes", "67108864\n"},
      {"sys/fs/cgroup/job/cgroup.procs", "1\n"}},
     none,
     64 * MIB},
    {"hybrid: memory in version 1, processors in version 2",
     "4:memory:/job\n0::/job\n",
     MEMORY("/") V2("/"),
     {{"sys/fs/cgroup/memory/job/memory.limit_in_bytes", "67108864\n"},
      {"sys/fs/cgroup/job/cpu.max", "200000 100000\n"}},
     2,
     64 * MIB},
    {"a container without a namespace: a part of the hierarchy is mounted",
     "4:memory:/docker/abc/job\n",
     MEMORY("/docker/abc"),
     {{"sys/fs/cgroup/memory/job/memory.limit_in_bytes", "67108864\n"},
      {"sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n"}},
     none,
     64 * MIB},
    {"the mount that has the group counts, not another part that is mounted, too",
     "4:memory:/docker/abc\n",
     "34 31 0:32 /docker/xyz /mnt rw - cgroup cgroup rw,memory\n" MEMORY("/docker/abc"),
     {{"mnt/memory.limit_in_bytes", "4096\n"},
      {"sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n"}},
     none,
     256 * MIB},
    {"a namespace: the path is the machine's, the mount begins at the container",
     "0::/docker/abc\n",
     V2("/"),
     {{"sys/fs/cgroup/memory.max", "268435456\n"}, {"sys/fs/cgroup/cpu.max", "100000 100000\n"}},
     1,
     256 * MIB},
    {"the same with a group inside the container",
     "0::/docker/abc/job\n",
     V2("/"),
     {{"sys/fs/cgroup/memory.max", "268435456\n"}, {"sys/fs/cgroup/job/memory.max", "67108864\n"}},
     none,
     64 * MIB},
    {"a group outside of what the namespace shows",
     "0::/../../other\n",
     V2("/"),
     {{"sys/fs/cgroup/memory.max", "268435456\n"}, {"sys/other/memory.max", "4096\n"}},
     none,
     256 * MIB},
    {"names that begin alike are not within each other",
     "4:memory:/docker/abcdef\n",
     MEMORY("/docker/abc"),
     {{"sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n"},
      {"sys/fs/cgroup/memory/def/memory.limit_in_bytes", "4096\n"}},
     none,
     256 * MIB},
    {"a mount point with a blank",
     "0::/job\n",
     "41 31 0:38 / /my\\040groups rw - cgroup2 cgroup2 rw\n",
     {{"my groups/job/memory.max", "268435456\n"}},
     none,
     256 * MIB},
    {"rubbish in the limits",
     "0::/job\n",
     V2("/"),
     {{"sys/fs/cgroup/job/memory.max", "plenty\n"}, {"sys/fs/cgroup/job/cpu.max", "1e5 x\n"}},
     none,
     none},
    {"limits that are nothing, negative, empty or without a period",
     "0::/a/b/c\n",
     V2("/"),
     {{"sys/fs/cgroup/a/b/c/memory.max", ""},
      {"sys/fs/cgroup/a/b/memory.max", "-5\n"},
      {"sys/fs/cgroup/a/memory.max", "0\n"},
      {"sys/fs/cgroup/a/b/c/cpu.max", "100000\n"},
      {"sys/fs/cgroup/a/cpu.max", "100000 0\n"}},
     none,
     none},
    {"rubbish in /proc",
     "::::\n\n4:memory\n0:::\n",
     "x\n\n - \n1 2 3 4 5 - cgroup2\n",
     {{0}},
     none,
     none},
    {"groups that are mounted nowhere", "4:memory:/job\n0::/job\n", "", {{0}}, none, none},
    {"no groups at all", "", V2("/"), {{"sys/fs/cgroup/memory.max", "4096\n"}}, none, none},
};

SL_TEST(limits_of_control_groups_are_found, "")
{
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const example *e = &examples[i];
        char root[600];
        (void)snprintf(root, sizeof root, "%s/%zu", slt_temp_dir(), i);
        assert_int_equal(mkdir(root, 0700), 0);
        put(root, "proc/self/cgroup", e->groups);
        put(root, "proc/self/mountinfo", e->mounts);
        for (int f = 0; f < FILES && e->files[f].path != NULL; f++) {
            put(root, e->files[f].path, e->files[f].text);
        }
        posix_limits found = sli_posix_group_limits(root);
        if (found.processors != e->processors || found.memory_bytes != e->memory_bytes) {
            fail_msg("%s: %lld processors, %lld bytes", e->what, (long long)found.processors,
                     (long long)found.memory_bytes);
        }
    }
}

SL_TEST(limits_are_none_where_nothing_tells_them, "")
{
    posix_limits found = sli_posix_group_limits("/no/such/root");
    assert_int_equal(found.processors, INT64_MAX);
    assert_int_equal(found.memory_bytes, INT64_MAX);
}

SL_TEST(limits_without_memory_are_none, "")
{
    const char *root = slt_temp_dir();
    put(root, "proc/self/cgroup", "0::/a/b\n");
    put(root, "proc/self/mountinfo", V2("/"));
    put(root, "sys/fs/cgroup/a/b/memory.max", "4096\n");
    bool reached = true;
    for (int64_t nth = 1; reached; nth++) {
        sli_mem_fail_nth(nth);
        posix_limits found = sli_posix_group_limits(root);
        reached = sli_mem_count() >= nth;
        sli_mem_fail_nth(0);
        assert_true(found.memory_bytes == 4096 || (reached && found.memory_bytes == INT64_MAX));
        assert_int_equal(found.processors, INT64_MAX);
    }
}

SL_TEST(limits_of_this_process_are_sound, "")
{
    sl_env *env = NULL;
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    assert_in_range(sli_env_cpus(env), 1, 8192);
    assert_true(sli_env_memory_bytes(env) >= sli_env_resident_bytes(env));
    sli_env_free(env);
}
