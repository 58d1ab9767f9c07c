// What Kafka's own console consumer shows.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kafka/rig.h"

/// The last record of every partition, so that the consumer's end is known and nothing is waited
/// for. Returns how many.
static int32_t put_ends(slt_kafka *k, const char *const *topics, const int32_t *n_partitions, int n)
{
    int32_t n_ends = 0;
    for (int i = 0; i < n; i++) {
        for (int32_t p = 0; p < n_partitions[i]; p++, n_ends++) {
            slt_put(k, topics[i], p, "end");
        }
    }
    return n_ends;
}

static _Noreturn void become_consumer(const char *brokers, const char *pattern, int out)
{
    char work[512];
    slt_broker_file(work, sizeof work, "");
    const char *const words[] = {SLT_SOURCE_DIR "/tools/kafka",
                                 "tool",
                                 work,
                                 "org.apache.kafka.tools.consumer.ConsoleConsumer",
                                 "--bootstrap-server",
                                 brokers,
                                 "--include",
                                 pattern,
                                 "--from-beginning",
                                 "--isolation-level",
                                 "read_committed",
                                 "--formatter-property",
                                 "print.key=true",
                                 "--formatter-property",
                                 "key.separator= ",
                                 NULL};
    int said = open("/dev/null", O_WRONLY | O_CLOEXEC); // what Java has to say beside
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && dup2(out, 1) == 1 && dup2(said, 2) == 2) {
        execv(words[0], (char *const *)(uintptr_t)words);
    }
    _exit(127);
}

static void pattern_of(char *out, size_t size, const char *const *topics, int n)
{
    size_t at = (size_t)snprintf(out, size, "%s", topics[0]);
    for (int i = 1; i < n; i++) {
        at += (size_t)snprintf(out + at, size - at, "|%s", topics[i]);
    }
    assert_true(at < size);
}

static void read_lines(FILE *from, int32_t n_ends, slt_shown_fn see, void *ctx)
{
    char line[512];
    while (n_ends > 0 && fgets(line, sizeof line, from) != NULL) {
        char *value = strchr(line, ' ');
        line[strcspn(line, "\n")] = '\0';
        if (value == NULL) {
            continue; // Java's own words
        }
        *value++ = '\0';
        if (strcmp(value, "end") == 0) {
            n_ends--;
        } else {
            see(ctx, line, value);
        }
    }
    assert_int_equal(n_ends, 0);
}

void slt_shown(slt_kafka *k, const char *const *topics, const int32_t *n_partitions, int n,
               slt_shown_fn see, void *ctx)
{
    int ends[2], status = 0;
    char pattern[512], brokers[64];
    int32_t n_ends = put_ends(k, topics, n_partitions, n);
    pattern_of(pattern, sizeof pattern, topics, n);
    slt_broker_place(brokers, sizeof brokers, "plain");
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        become_consumer(brokers, pattern, ends[1]);
    }
    (void)close(ends[1]);
    FILE *from = fdopen(ends[0], "r");
    assert_non_null(from);
    read_lines(from, n_ends, see, ctx);
    (void)kill(pid, SIGKILL); // it would wait for more
    (void)waitpid(pid, &status, 0);
    (void)fclose(from);
}

void slt_each_file(const char *dir, int64_t (*count)(const char *path), int64_t *sum)
{
    DIR *entries = opendir(dir);
    assert_non_null(entries);
    for (struct dirent *entry = NULL; (entry = readdir(entries)) != NULL;) {
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        *sum += entry->d_name[0] == '.' ? 0 : count(path);
    }
    (void)closedir(entries);
}
