// Lives of a job in one simulated world: started, run, stopped and looked at.
#include "contract/simlife.h"

#include <stdio.h>
#include <string.h>

static void prepare(sl_graph *graph, void *ctx)
{
    sl_graph_attach(graph, "world", ctx);
}

slt_simlife slt_simlife_new(sl_build_fn build, const char *const *more)
{
    static const char *const always[] = {"interval",   "1s",      "backend",     "inline",
                                         "checkpoint", "state",   "parallelism", "2",
                                         "master",     "local[2]"};
    slt_simlife l = {.build = build, .error = SL_ERROR_INIT};
    size_t n = sizeof always / sizeof always[0];
    memcpy(l.settings, always, sizeof always);
    for (size_t i = 0; more != NULL && more[i] != NULL; i++) {
        assert_true(n < 22);
        l.settings[n++] = more[i];
    }
    l.world = sli_world_new(&(sli_world_conf){.seed = 5});
    assert_non_null(l.world);
    return l;
}

void slt_simlife_end(slt_simlife *l)
{
    sl_context_free(l->context);
    sli_env_free(l->env);
    l->context = NULL;
    l->env = NULL;
}

void slt_simlife_free(slt_simlife *l)
{
    slt_simlife_end(l);
    sli_world_free(l->world);
    sli_str_reset(&l->text);
}

sl_code slt_simlife_start_with(slt_simlife *l, const sli_fault *fault)
{
    slt_simlife_end(l);
    sl_error none = SL_ERROR_INIT;
    l->error = none;
    assert_int_equal(sli_world_boot(l->world, fault, &l->env, NULL), SL_OK);
    l->rc = sli_context_new_in(&l->context, l->env, "bad", l->build, prepare, l->world, l->settings,
                               &l->error);
    if (l->rc == SL_OK && l->made != NULL) {
        l->made(l->context, l->made_ctx);
    }
    if (l->rc == SL_OK) {
        l->rc = sl_context_start_stepped(l->context, &l->error);
    }
    return l->rc;
}

sl_code slt_simlife_start(slt_simlife *l)
{
    return slt_simlife_start_with(l, &(sli_fault){0});
}

sl_code slt_simlife_run(slt_simlife *l, int64_t epochs)
{
    sli_engine *engine = l->rc == SL_OK ? sli_context_engine(l->context) : NULL;
    int64_t target = engine == NULL ? 0 : sli_engine_epoch(engine) + epochs;
    while (l->rc == SL_OK && (sli_engine_epoch(engine) < target || !sli_engine_rests(engine))) {
        l->rc = sl_context_step(l->context, &l->error);
        int64_t due = l->rc == SL_OK ? sl_context_due_us(l->context) : 0;
        if (due > 0) {
            l->rc = sli_engine_wait(
                engine, due == SLI_FOREVER ? SLI_FOREVER : sli_world_mono_us(l->world) + due,
                &l->error);
        }
    }
    return l->rc;
}

sl_code slt_simlife_stop(slt_simlife *l)
{
    if (l->rc == SL_OK) {
        assert_int_equal(sl_context_stop(l->context, true, NULL), SL_OK);
        (void)slt_simlife_run(l, INT32_MAX);
    }
    l->rc = l->rc == SL_E_END ? SL_OK : l->rc;
    return l->rc;
}

void slt_simlife_put(slt_simlife *l, const char *path, const char *text)
{
    assert_int_equal(sli_world_put(l->world, path, text, strlen(text), NULL), SL_OK);
}

// ---------------------------------------------------------------- looking at the world

typedef struct walk {
    slt_simlife *l;
    const char *dir;
} walk;

static sl_code add_file(void *ctx, const char *name, sl_error *err)
{
    const walk *w = ctx;
    char path[512], *content = NULL;
    size_t size = 0;
    (void)err;
    (void)snprintf(path, sizeof path, "%s/%s", w->dir, name);
    if (name[0] != '.' && sli_world_read(w->l->world, path, &content, &size, NULL) == SL_OK) {
        sli_str_add(&w->l->text, content, size);
        sl_free(content);
    }
    return SL_OK;
}

const char *slt_simlife_shown(slt_simlife *l, const char *dir)
{
    walk w = {l, dir};
    sli_str_clear(&l->text);
    (void)!sli_world_list(l->world, dir, add_file, &w, NULL); // not there: nothing is shown
    return l->text.size == 0 ? "" : l->text.data;
}

const char *slt_simlife_metrics(slt_simlife *l)
{
    sli_str_clear(&l->text);
    sli_metrics_drain(sli_context_host(l->context)->metrics);
    assert_int_equal(sli_metrics_prometheus(sli_context_host(l->context)->metrics, &l->text, NULL),
                     SL_OK);
    return l->text.data;
}

int32_t slt_times_in(const char *text, const char *part)
{
    int32_t n = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part)) {
        n++;
    }
    return n;
}

const char *slt_simlife_printed(slt_simlife *l)
{
    size_t size = 0;
    return sli_world_printed(l->world, 2, &size);
}
