/// secure_test.c — a real cluster that believes nobody: Kerberos, delegation tokens and TLS, as its
/// own KDC, NameNode and DataNode have them (`tools/hdfs start --secure`, by `make test-hdfs`).
#include "sl_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/hdfs/real_test.h"
#include "namenode.h"

enum { SECOND = 1000000 };

// ---------------------------------------------------------------- who asks

/// Kerberos reads the environment: the realm, where tickets lie, and a key to get some with.
static void be(const char *keytab, const char *tickets)
{
    char text[512];
    const char *dir = slt_hdfs_secure_dir();
    (void)snprintf(text, sizeof text, "%s/krb5.conf", dir);
    assert_int_equal(setenv("KRB5_CONFIG", text, 1), 0);
    (void)snprintf(text, sizeof text, "FILE:%s", tickets);
    assert_int_equal(setenv("KRB5CCNAME", text, 1), 0);
    (void)snprintf(text, sizeof text, "FILE:%s/%s", dir, keytab);
    assert_int_equal(setenv("KRB5_CLIENT_KTNAME", text, 1), 0);
}

static void be_nobody(void)
{
    be("none.keytab", "/none");
}

/// Whose key is at hand, and who has no ticket yet.
static void be_alice(void)
{
    char tickets[512];
    (void)snprintf(tickets, sizeof tickets, "%s/tickets", slt_temp_dir());
    (void)unlink(tickets);
    be("alice.keytab", tickets);
}

static void end(slt_real *r)
{
    slt_real_end(r);
    (void)unsetenv("KRB5_CONFIG");
    (void)unsetenv("KRB5CCNAME");
    (void)unsetenv("KRB5_CLIENT_KTNAME");
}

static void start(slt_real *r, const char *address, const char *options)
{
    char web[64];
    slt_hdfs_line(slt_hdfs_secure_dir(), address, web, sizeof web);
    slt_real_start(r, web, options);
}

static void check_both_ways(slt_real *r)
{
    slt_real_put(r, "f");
    slt_real_check(r, "f");
    assert_int_equal(r->fs->ops->rename(r->fs, slt_real_path(r, "f"), slt_real_path(r, "g"), NULL),
                     SL_OK);
    slt_real_check(r, "g");
}

/// A refusal that names its reason, and for which nobody waited.
static void check_refused(slt_real *r, const char *reason)
{
    int64_t began = sli_env_mono_us(r->env);
    assert_int_equal(slt_real_write(r, "refused", &r->err), SL_E_CONFIG);
    if (strstr(r->err.text, reason) == NULL) {
        fail_msg("not '%s': %s", reason, r->err.text);
    }
    assert_true(sli_env_mono_us(r->env) - began < 20 * SECOND);
}

static void need_soak(void)
{
    if (!slt_is_soak()) {
        slt_not_here("a part of soak: it waits for minutes");
    }
}

// ---------------------------------------------------------------- Kerberos

SL_TEST(hdfs_kerberos_reads_and_writes_hdfs, "")
{
    slt_real r;
    be_alice();
    start(&r, "web", "negotiate=true piece=64KiB");
    check_both_ways(&r);
    end(&r);
}

SL_TEST(hdfs_kerberos_names_a_missing_ticket_hdfs, "")
{
    slt_real r;
    be_alice();
    start(&r, "web", "negotiate=true");
    be_nobody();
    check_refused(&r, "no Kerberos ticket for this server");
    slt_real_reopen(&r, "user=alice"); // who only says so
    check_refused(&r, "it wants to know who asks");
    end(&r);
}

SL_TEST(hdfs_kerberos_waits_for_a_kdc_that_is_away_hdfs, "")
{
    slt_real r;
    be_alice();
    start(&r, "web", "negotiate=true retry_timeout=60s");
    be_alice();
    assert_int_equal(slt_hdfs_run(slt_hdfs_secure_dir(), "kill", "kdc", false), 0);
    sli_fs_entry there = {0};
    slt_real_reopen(&r, "negotiate=true retry_timeout=500ms");
    assert_int_equal(r.fs->ops->stat(r.fs, r.dir, &there, &r.err), SL_E_IO); // it may pass
    assert_int_equal(slt_hdfs_run(slt_hdfs_secure_dir(), "restart", "kdc", true), 0);
    slt_real_reopen(&r, "negotiate=true retry_timeout=60s");
    check_both_ways(&r);
    end(&r);
}

// ---------------------------------------------------------------- delegation tokens

/// A token of alice, in a file, as the option takes it.
static const char *take_token(slt_real *r, char *token, size_t size)
{
    char path[512], words[600];
    (void)snprintf(path, sizeof path, "%s/token", slt_temp_dir());
    (void)snprintf(words, sizeof words, "> '%s'", path);
    assert_int_equal(slt_hdfs_run(slt_hdfs_secure_dir(), "token", words, false), 0);
    slt_hdfs_line(slt_temp_dir(), "token", token, size);
    token[strcspn(token, "\n")] = '\0';
    return sl_arena_printf(r->arena, "piece=64KiB retry_timeout=90s token='file:%s'", path);
}

static void start_with_token(slt_real *r, char *token, size_t size)
{
    be_alice();
    start(r, "web", "negotiate=true");
    const char *options = take_token(r, token, size);
    be_nobody();
    slt_real_reopen(r, options);
}

SL_TEST(hdfs_token_reads_and_writes_until_it_is_cancelled_hdfs, "")
{
    slt_real r;
    char token[512];
    start_with_token(&r, token, sizeof token);
    check_both_ways(&r);
    assert_int_equal(slt_hdfs_run(slt_hdfs_secure_dir(), "cancel", token, false), 0);
    check_refused(&r, "InvalidToken");
    end(&r);
}

SL_TEST(hdfs_token_that_nobody_renews_expires_hdfs, "")
{
    slt_real r;
    char token[512];
    sli_fs_entry there = {0};
    sl_code rc = SL_OK;
    need_soak();
    start_with_token(&r, token, sizeof token);
    int64_t until = sli_env_mono_us(r.env) + 300 * SECOND; // it lives for two minutes
    while (rc == SL_OK && sli_env_mono_us(r.env) < until) {
        rc = r.fs->ops->stat(r.fs, r.dir, &there, &r.err);
    }
    assert_int_equal(rc, SL_E_CONFIG);
    check_refused(&r, "InvalidToken");
    end(&r);
}

SL_TEST(hdfs_token_outlives_a_namenode_hdfs, "")
{
    slt_real r;
    char token[512];
    need_soak();
    const char *dir = slt_hdfs_secure_dir();
    start_with_token(&r, token, sizeof token);
    assert_int_equal(slt_hdfs_run(dir, "kill", "namenode", false), 0);
    assert_int_equal(slt_hdfs_run(dir, "restart", "namenode", true), 0);
    check_both_ways(&r);
    assert_int_equal(slt_hdfs_run(dir, "wait", "", false), 0);
    end(&r);
}

// ---------------------------------------------------------------- TLS

/// Options: whom we trust, and who we are. In `out`, of 1 KiB.
static const char *trusting(char *out, const char *ca, const char *client)
{
    const char *dir = slt_hdfs_secure_dir();
    (void)snprintf(out, 1024,
                   "negotiate=true tls=true piece=64KiB tls.ca='%s/%s.pem' tls.cert='%s/%s.pem' "
                   "tls.key='%s/%s.key' tls.key_password=secret",
                   dir, ca, dir, client, dir, client);
    return out;
}

SL_TEST(hdfs_tls_reads_and_writes_hdfs, "")
{
    slt_real r;
    char options[1024];
    be_alice();
    start(&r, "web.tls", trusting(options, "ca", "client"));
    check_both_ways(&r);
    slt_real_reopen(&r, trusting(options, "other-ca", "client"));
    check_refused(&r, "SSL certificate problem");
    slt_real_reopen(&r, "negotiate=true tls=true"); // by whom this machine trusts
    check_refused(&r, "SSL certificate problem");
    slt_real_reopen(&r, trusting(options, "none", "client"));
    check_refused(&r, "none.pem");
    slt_real_reopen(&r, trusting(options, "ca", "none"));
    check_refused(&r, "none.pem");
    slt_real_reopen(&r, trusting(options, "ca", "other-ca")); // whom they do not trust
    check_refused(&r, "alert");
    (void)snprintf(options, sizeof options, "negotiate=true tls=true tls.ca='%s/ca.pem'",
                   slt_hdfs_secure_dir());
    slt_real_reopen(&r, options); // nobody
    check_refused(&r, "alert");
    end(&r);
}
