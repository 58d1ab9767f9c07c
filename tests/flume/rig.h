/// rig.h — what the tests on real agents are made of: an agent of tools/flume with netcat sources,
/// numbered lines that are fed to it, lives of the released program on jobs/flume_job.c, and the
/// comparison of what its files hold with what the agent counts.
#pragma once

#include "life.h"
#include "sl_test.h"

enum { SLT_FLUME_SOURCES = 2 };

/// Source 0 of an agent names its events in the header `id`; source 1 does not.
typedef struct slt_flume {
    const char *dir;
    bool pulls;            ///< the agent waits to be asked
    const char *sink_more; ///< further lines of each sink, "name = value\n..."
    const char *in_more;   ///< further options of the source's URL, "&name=value"
    int n_sinks;           ///< of each channel
    int metrics;           ///< port of the agent's counters
    int ports[SLT_FLUME_SOURCES];
    int doors[SLT_FLUME_SOURCES]; ///< push: both are the same, of Sluice; pull: of the agent's
                                  ///< sinks
    int feeds[SLT_FLUME_SOURCES]; ///< descriptors, connected to the sources
    int64_t n_fed;                ///< to each source: numbers 1 to n_fed
    slt_life life;
} slt_flume;

/// Ends the test as not tried here, unless agents are wanted. Zeroed but for the options.
void slt_flume_open(slt_flume *f);
/// Starts the agent. A sink that finds nobody waits for 5 s until it tries again.
void slt_flume_agent(slt_flume *f);
/// n more numbers, to each source.
void slt_flume_feed(slt_flume *f, int64_t n);
void slt_flume_start(slt_flume *f); ///< the next life of the program
/// Waits until the agent has nothing left, stops the program, and compares: every number is there;
/// those with an id once. Returns how many of the others are there again.
int64_t slt_flume_check(slt_flume *f);
/// Of a source's events that have left the agent, how many have left it again, at most: by the
/// agent's own counters.
int64_t slt_flume_resent(const slt_flume *f, int source);
void slt_flume_close(slt_flume *f);
