/// module.c — finding a module's file, and believing it only when its numbers fit.
#include "env/module.h"

#include "base/str.h"
#include "env/env_int.h"

#define TEXT_OF(x) #x
#define NAME_OF(x) TEXT_OF(x)

enum { PLACES = 2 };

/// Directories to look in, each ended by a zero.
typedef struct places {
    sli_str dirs[PLACES];
    int n;
} places;

static void places_reset(places *p)
{
    for (int i = 0; i < PLACES; i++) {
        sli_str_reset(&p->dirs[i]);
    }
}

static sl_code places_find(places *p, sl_env *env, const char *dir, sl_error *err)
{
    const char *given = dir != NULL ? dir : sli_env_variable(env, "SLUICE_MODULES");
    *p = (places){.dirs = {{.tag = SLI_TAG_ENV}, {.tag = SLI_TAG_ENV}}};
    if (given != NULL) {
        sli_str_text(&p->dirs[p->n++], given);
        return sli_str_check(&p->dirs[0], "a directory's name", err);
    }
    sli_str code = {.tag = SLI_TAG_ENV};
    sl_code rc = sli_env_code_dir(env, &code, err);
    if (rc == SL_OK) {
        sli_str_printf(&p->dirs[p->n++], "%s/sluice", code.data);
        sli_str_printf(&p->dirs[p->n++], "%s/../lib/sluice", code.data);
        rc = sli_str_check(&p->dirs[0], "a directory's name", err);
    }
    sli_str_reset(&code);
    return rc == SL_OK ? sli_str_check(&p->dirs[1], "a directory's name", err) : rc;
}

static sl_code check(const sli_module *module, const sli_module_want *want, const char *path,
                     sl_error *err)
{
    // Only what every version of the struct has is looked at before its size is known to be enough.
    if (module == NULL || module->struct_size < sizeof *module ||
        strcmp(module->name, want->name) != 0) {
        return sl_error_set(err, SL_E_INCOMPATIBLE, "%s is no module %s", path, want->name);
    }
    if (module->abi != want->abi) {
        return sl_error_set(
            err, SL_E_INCOMPATIBLE,
            "%s is of another build: its interface has number %u, this Sluice needs "
            "%u; install the module that came with this library",
            path, (unsigned)module->abi, (unsigned)want->abi);
    }
    return SL_OK;
}

static sl_code load_file(sl_env *env, const char *path, const sli_module_want *want,
                         const sli_module **out, sl_error *err)
{
    void *symbol = NULL;
    SL_TRY(sli_env_load(env, path, NAME_OF(SLI_MODULE_ENTRY), &symbol, err));
    sli_module_entry entry;
    memcpy(&entry, &symbol, sizeof entry); // C has no cast from an object's address to a function's
    const sli_module *module = entry();
    SL_TRY(check(module, want, path, err));
    *out = module;
    return SL_OK;
}

static sl_code not_found(const places *p, const sli_module_want *want, sl_error *err)
{
    return sl_error_set(err, SL_E_NOT_FOUND,
                        "%s needs the module %s.so, which is not in %s%s%s: install the package "
                        "%s, or build Sluice with %s installed (tools/setup does it) and install "
                        "it, or set `modules` to the directory that has it",
                        want->why, want->name, p->dirs[0].data, p->n > 1 ? " or " : "",
                        p->n > 1 ? p->dirs[1].data : "", want->package, want->library);
}

static sl_code load_from(const places *p, sl_env *env, const sli_module_want *want,
                         const sli_module **out, sl_error *err)
{
    for (int i = 0; i < p->n; i++) {
        sli_stat stat;
        sli_str path = {.tag = SLI_TAG_ENV};
        sli_str_printf(&path, "%s/%s.so", p->dirs[i].data, want->name);
        sl_code rc = sli_str_check(&path, "a module's path", err);
        if (rc == SL_OK) {
            rc = sli_env_stat(env, path.data, &stat, err);
        }
        if (rc == SL_OK) {
            rc = sl_error_wrap(err, load_file(env, path.data, want, out, err), "%s", want->why);
        }
        sli_str_reset(&path);
        if (rc != SL_E_NOT_FOUND) {
            return rc;
        }
    }
    return not_found(p, want, err);
}

static sl_code find_and_load(sl_env *env, const char *dir, const sli_module_want *want,
                             const sli_module **out, sl_error *err)
{
    places p;
    sl_code rc = places_find(&p, env, dir, err);
    if (rc == SL_OK) {
        rc = load_from(&p, env, want, out, err);
    }
    places_reset(&p);
    return rc;
}

sl_code sli_module_load(sl_env *env, const char *dir, const sli_module_want *want,
                        const sli_module **out, sl_error *err)
{
    const sli_module *own = env->ops->module(env, want->name);
    if (own == NULL) {
        return find_and_load(env, dir, want, out, err);
    }
    SL_TRY(check(own, want, "what the simulated world has in its place", err));
    *out = own;
    return SL_OK;
}
