// wave.c — tasks that go out together: their memory, and what they leave when all are decided on.
#include "sched/sched_int.h"

sli_wave *sli_wave_new(int32_t n)
{
    size_t size = sizeof(sli_wave) + (size_t)n * (sizeof(sli_unit) + sizeof(sli_unit *));
    sli_wave *wave = sl_alloc(SLI_TAG_SCHED, size);
    if (wave != NULL) {
        *wave = (sli_wave){.list = (sli_unit **)(void *)(wave->units + n)};
    }
    return wave;
}

void sli_wave_add(sli_wave *wave, sli_run *run, const sli_stage *stage, int32_t partition,
                  int32_t index)
{
    sli_unit *unit = &wave->units[wave->n_units++];
    unit->run = run;
    unit->wave = wave;
    unit->stage = *stage;
    unit->n_failures = unit->n_attempts = 0;
    unit->winner = unit->lost = unit->copy = NULL;
    unit->partition = partition;
    unit->index = index;
    sli_try_init(&unit->first, unit, 0);
}

void sli_wave_begin(sli_wave *wave)
{
    wave->n = wave->n_given = 0;
    for (int32_t i = 0; i < wave->n_units; i++) {
        if (wave->units[i].winner == NULL) {
            wave->units[i].is_open = true;
            wave->units[i].lost = NULL;
            wave->list[wave->n++] = &wave->units[i];
        }
    }
    wave->n_open = wave->n;
}

sl_code sli_wave_take_adds(sli_wave *wave, sl_code rc, sl_error *err)
{
    const sli_run *run = wave->units[0].run;
    sli_accs *accs = run->sched->runtime->accs;
    for (int32_t i = 0; accs != NULL && i < wave->n; i++) {
        sli_try *winner = wave->list[i]->winner;
        if (rc == SL_OK && winner != NULL) {
            rc = sli_accs_take(accs, &winner->task.adds, run->context.action, err);
        }
    }
    return rc;
}

void sli_wave_free(sli_wave *wave)
{
    for (int32_t i = 0; wave != NULL && i < wave->n_units; i++) {
        sli_unit *unit = &wave->units[i];
        sli_adds_free(&unit->first.task.adds);
        if (unit->copy != NULL) {
            sli_adds_free(&unit->copy->task.adds);
            sl_free(unit->copy);
        }
    }
    sl_free(wave);
}
