// Three brokers, of which one after the other is killed: the leaders of partitions, of groups and
// of transactions change, and nothing is lost or repeated.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/rig.h"

enum { FED = 4000, BROKERS = 3 };

static void tool(const char *verb, const char *dir, const char *more)
{
    char words[1024];
    (void)snprintf(words, sizeof words, SLT_SOURCE_DIR "/tools/kafka %s '%s' %s >/dev/null", verb,
                   dir, more);
    assert_int_equal(system(words), 0);
}

/// The program asks all of them; so do the test's own clients.
static void use_all(slt_rig *rig, const char *dir)
{
    size_t at = 0;
    for (int i = 1; i <= BROKERS; i++) {
        char name[24];
        size_t size = 0;
        (void)snprintf(name, sizeof name, "%d.plain", i);
        char *place = slt_load(slt_in_dir(dir, name), &size);
        assert_non_null(place);
        at += (size_t)snprintf(rig->brokers + at, sizeof rig->brokers - at, "%s%s",
                               i == 1 ? "" : ",", place);
        free(place);
    }
    rig->k.settings[0].value = rig->brokers;
}

/// Not one after the other in good order: each would wait for those that are gone.
static void end_all(const char *dir)
{
    for (int i = 1; i <= BROKERS; i++) {
        char number[12];
        (void)snprintf(number, sizeof number, "%d", i);
        tool("kill", dir, number);
    }
}

/// Records go on while the others take over from it.
static void lose_broker(slt_rig *rig, const char *dir, const char *number)
{
    slt_rig_feed(rig, FED);
    slt_rig_await(rig, rig->n_fed - FED + FED / 4);
    tool("kill", dir, number);
    slt_rig_feed(rig, FED);
    slt_rig_await(rig, rig->n_fed);
}

SL_TEST(kafka_leaders_change_and_nothing_is_lost_brokers, "EXACTLY-ONCE-1")
{
    char one[512], dir[512], number[12];
    slt_kafka first;
    slt_rig rig;
    slt_needs_brokers(&first); // its proxy serves all tests of this program
    first.fixture->end(&first);
    (void)snprintf(one, sizeof one, "%s", slt_brokers_dir());
    (void)snprintf(dir, sizeof dir, "%s/three", slt_temp_dir());
    tool("start", dir, "--brokers 3");
    assert_int_equal(setenv("SLUICE_TEST_KAFKA", dir, 1), 0);
    slt_rig_open(&rig);
    use_all(&rig, dir);
    rig.in_more = "&max_rate=1000";
    slt_rig_start(&rig);
    for (int i = BROKERS; i > 1 && slt_is_soak(); i--) {
        (void)snprintf(number, sizeof number, "%d", i);
        lose_broker(&rig, dir, number);
        tool("restart", dir, number);
        slt_broker_whole(&rig.k, BROKERS); // else the next kill may take the last copy in step
    }
    lose_broker(&rig, dir, slt_is_soak() ? "1" : "3");
    if (slt_is_soak()) {
        tool("restart", dir, "1"); // where the console consumer asks
    }
    slt_rig_check(&rig);
    slt_rig_close(&rig);
    end_all(dir);
    assert_int_equal(setenv("SLUICE_TEST_KAFKA", one, 1), 0);
}
