// When the program is killed.
#include "kills.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const phase_names[SLT_PHASES] = {"before any", "fetch",  "stage", "seal",
                                                    "log",        "commit", "forget"};

void slt_kills_begin(slt_kills *kills)
{
    const char *text = getenv("SLUICE_SEED");
    uint64_t seed = text == NULL ? 20261129 : strtoull(text, NULL, 10);
    for (int i = 0; i < 3; i++) {
        kills->chance[i] = (unsigned short)(seed >> (16 * i));
    }
}

int64_t slt_kills_draw(slt_kills *kills, int64_t n)
{
    return nrand48(kills->chance) % n;
}

void slt_kill_next(slt_kills *kills, slt_life *life)
{
    int wanted = kills->n++ % SLT_PHASES;
    if (wanted == 0) {
        slt_life_run(life, slt_kills_draw(kills, kills->before_us));
    } else {
        slt_life_await(life, wanted, 1 + (uint64_t)slt_kills_draw(kills, kills->most_entries));
        slt_life_run(life, kills->beyond_us == 0 ? 0 : slt_kills_draw(kills, kills->beyond_us));
    }
    kills->died_in[slt_life_kill(life)]++;
}

void slt_kills_tell(const slt_kills *kills)
{
    (void)printf("kills by phase:");
    for (int i = 0; i < SLT_PHASES; i++) {
        (void)printf(" %s %d%s", phase_names[i], kills->died_in[i],
                     i + 1 < SLT_PHASES ? "," : "\n");
    }
}
