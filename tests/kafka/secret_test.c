// A whole job on a listener with TLS and a password: it is in nothing that the program writes, and
// not in its command line.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kafka/rig.h"

enum { FED = 400 };

static const char password[] = "sluice-pw";

static void put_secret(const char *path, const char *secret)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file, "%s\n", secret);
    assert_int_equal(fclose(file), 0);
}

/// The password comes from a file for the source, from the environment for the sinks.
static void enter(slt_rig *rig, const char *secret, char in_more[700], char out_more[700])
{
    char ca[512];
    slt_broker_file(ca, sizeof ca, "ca.pem");
    slt_broker_place(rig->brokers, sizeof rig->brokers, "safe");
    assert_int_equal(mkdir(slt_in_dir(rig->dir, "safe"), 0700), 0);
    put_secret(slt_in_dir(rig->dir, "safe/password"), secret);
    assert_int_equal(setenv("SLUICE_TEST_PASSWORD", secret, 1), 0);
    (void)snprintf(out_more, 700,
                   "&kafka.security.protocol=SASL_SSL&kafka.ssl.ca.location=%s"
                   "&kafka.sasl.mechanism=PLAIN&kafka.sasl.username=sluice"
                   "&kafka.sasl.password=env:SLUICE_TEST_PASSWORD",
                   ca);
    (void)snprintf(in_more, 700,
                   "&kafka.security.protocol=SASL_SSL&kafka.ssl.ca.location=%s"
                   "&kafka.sasl.mechanism=PLAIN&kafka.sasl.username=sluice"
                   "&kafka.sasl.password=file:safe/password",
                   ca);
    rig->in_more = in_more;
    rig->out_more = out_more;
}

static void check_file(const char *path, const char *secret)
{
    size_t size = 0;
    char *text = slt_load(path, &size);
    if (text != NULL && memmem(text, size, secret, strlen(secret)) != NULL) {
        fail_msg("the password is in %s", path);
    }
    free(text);
}

/// Every file below the directory but the secret's own.
static void check_dir(const char *dir, const char *secret)
{
    DIR *entries = opendir(dir);
    assert_non_null(entries);
    for (struct dirent *entry = NULL; (entry = readdir(entries)) != NULL;) {
        char path[1024];
        struct stat about;
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        bool skip = entry->d_name[0] == '.' || strcmp(entry->d_name, "safe") == 0;
        if (skip || stat(path, &about) != 0) {
            continue;
        }
        if (S_ISDIR(about.st_mode)) {
            check_dir(path, secret);
        } else {
            check_file(path, secret);
        }
    }
    (void)closedir(entries);
}

SL_TEST(kafka_a_password_is_in_nothing_that_is_written_brokers, "")
{
    char in_more[700], out_more[700], line[64];
    slt_rig rig;
    slt_rig_open(&rig);
    enter(&rig, password, in_more, out_more);
    rig.more_settings[0] = "log=trace";
    rig.more_settings[1] = "metrics=metrics";
    slt_rig_feed(&rig, FED);
    slt_rig_start(&rig);
    slt_rig_await(&rig, FED);
    (void)snprintf(line, sizeof line, "/proc/%d/cmdline", (int)rig.life.pid);
    check_file(line, password);
    slt_rig_check(&rig);
    check_dir(rig.dir, password);
    slt_rig_close(&rig);
}

SL_TEST(kafka_a_wrong_password_stops_the_job_at_once_brokers, "")
{
    enum { CONFIG = 3, AT_ONCE_US = 20000000 };
    static const char wrong[] = "hush-hush-4711";
    char in_more[700], out_more[700];
    slt_rig rig;
    slt_rig_open(&rig);
    enter(&rig, wrong, in_more, out_more);
    int64_t from = slt_now_us();
    slt_rig_start(&rig);
    assert_int_equal(slt_life_end(&rig.life), CONFIG);
    assert_true(slt_now_us() - from < AT_ONCE_US);
    slt_life_must_say(&rig.life, "Authentication failed");
    check_dir(rig.dir, wrong);
    slt_rig_close(&rig);
}
