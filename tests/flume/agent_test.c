// Whole jobs on a real agent: our process killed with signal 9 at any moment while the agent sends,
// or is asked; compressed, and with TLS.
#include <stdio.h>

#include "flume/rig.h"
#include "kills.h"

enum { KILLS = 25, SOAK_KILLS = 500, FED_A_LIFE = 1000, SOAK_FED_A_LIFE = 2000 };

static void kill_many(slt_flume *f)
{
    slt_kills kills = {.before_us = 300000, .most_entries = 3, .beyond_us = 8000};
    slt_kills_begin(&kills);
    while (kills.n < (slt_is_soak() ? SOAK_KILLS : KILLS)) {
        slt_flume_feed(f, slt_is_soak() ? SOAK_FED_A_LIFE : FED_A_LIFE);
        slt_flume_start(f);
        slt_kill_next(&kills, &f->life);
    }
    slt_flume_start(f);
    slt_kills_tell(&kills);
}

/// Every number is there, those with an id once, the others at most as often as they were sent.
static void check_killed(slt_flume *f)
{
    slt_flume_open(f);
    slt_flume_agent(f);
    kill_many(f);
    int64_t again = slt_flume_check(f), resent = slt_flume_resent(f, 1);
    (void)printf("%lld numbers with an id and without; of these %lld there again, of %lld that the "
                 "agent has sent again\n",
                 (long long)f->n_fed, (long long)again, (long long)resent);
    assert_true(again <= resent);
    slt_flume_close(f);
}

SL_TEST(flume_pushed_and_killed_at_any_moment_every_event_is_there_agent, "EXACTLY-ONCE-1")
{
    check_killed(&(slt_flume){.sink_more = "batch-size = 20", .n_sinks = 6});
}

SL_TEST(flume_polled_and_killed_at_any_moment_every_event_is_there_agent, "EXACTLY-ONCE-1")
{
    check_killed(&(slt_flume){.pulls = true,
                              .sink_more = "timeout = 1",
                              .in_more = "&reconnect_delay=20ms",
                              .n_sinks = 1});
}

/// A life without trouble: nothing is sent again, so all is there once.
static void check_quiet(slt_flume *f)
{
    slt_flume_open(f);
    slt_flume_start(f);
    slt_flume_agent(f);
    slt_flume_feed(f, 2000);
    assert_int_equal(slt_flume_check(f), 0);
    assert_int_equal(slt_flume_resent(f, 0) + slt_flume_resent(f, 1), 0);
    slt_flume_close(f);
}

SL_TEST(flume_pushed_compressed_agent, "")
{
    check_quiet(&(slt_flume){.sink_more = "compression-type = deflate",
                             .in_more = "&compression=deflate",
                             .n_sinks = 1});
}

SL_TEST(flume_pushed_with_tls_agent, "")
{
    slt_flume f = {.in_more = "&tls.cert=DIR/server.pem&tls.key=DIR/server.key", .n_sinks = 1};
    char more[700];
    if (!SLT_TLS) {
        slt_not_here("a build without TLS");
    }
    (void)snprintf(more, sizeof more,
                   "ssl = true\ntruststore = %s/trust.p12\ntruststore-type = PKCS12\n"
                   "truststore-password = sluice-pw",
                   slt_temp_dir());
    f.sink_more = more;
    check_quiet(&f);
}
