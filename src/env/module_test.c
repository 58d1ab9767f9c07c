// Modules that are missing or no modules: the error says what, where, and what to install.
#include "env/module.h"

#include <stdio.h>

#include "env/sim.h"
#include "sl_test.h"

static const sli_module_want want = {"no_such", 1, "state.store=disk", "sluice-thing",
                                     "libthing-dev"};

static sl_code try(sl_env *env, const char *dir, sl_error *err)
{
    const sli_module *module = NULL;
    *err = SL_ERROR_INIT;
    return sli_module_load(env, dir, &want, &module, err);
}

SL_TEST(a_missing_module_names_the_places_and_the_package, "")
{
    sl_env *env = NULL;
    sl_error err;
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    assert_int_equal(try(env, "/nowhere", &err), SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "no_such.so, which is not in /nowhere:"));
    assert_non_null(strstr(err.text, "install the package sluice-thing, or"));
    assert_non_null(strstr(err.text, "libthing-dev"));
    assert_int_equal(try(env, NULL, &err), SL_E_NOT_FOUND); // beside this program
    assert_non_null(strstr(err.text, "/sluice or "));
    assert_non_null(strstr(err.text, "/../lib/sluice:"));
    sli_env_free(env);
}

SL_TEST(a_file_that_is_no_shared_object_gives_the_loaders_reason, "")
{
    sl_env *env = NULL;
    sl_error err;
    char path[512];
    const char *dir = slt_temp_dir();
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    (void)snprintf(path, sizeof path, "%s/no_such.so", dir);
    assert_int_equal(sli_env_write_file(env, path, "text", 4, NULL), SL_OK);
    assert_int_equal(try(env, dir, &err), SL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "state.store=disk: can't be loaded: "));
    assert_non_null(strstr(err.text, path));
    sli_env_free(env);
}

SL_TEST(simulation_has_no_modules, "")
{
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = 1});
    sl_env *env = NULL;
    sl_error err;
    assert_int_equal(sli_world_boot(world, NULL, &env, NULL), SL_OK);
    assert_int_equal(try(env, NULL, &err), SL_E_UNSUPPORTED);
    sli_env_free(env);
    sli_world_free(world);
}

SL_TEST(a_world_gives_a_module_in_the_place_of_its_file, "")
{
    static const int table = 7;
    sli_module mine = {sizeof mine, "no_such", "nothing", 1, &table}, older = mine;
    older.abi = 0;
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = 1});
    sl_env *env = NULL;
    const sli_module *module = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_world_boot(world, NULL, &env, NULL), SL_OK);
    assert_true(sli_world_module(world, "no_such", &mine));
    assert_int_equal(sli_module_load(env, "/nowhere", &want, &module, &err), SL_OK);
    assert_ptr_equal(module, &mine);
    assert_ptr_equal(sli_world_module_of(env, "no_such"), &mine);
    assert_true(sli_world_module(world, "no_such", &older));
    assert_int_equal(sli_module_load(env, NULL, &want, &module, &err), SL_E_INCOMPATIBLE);
    assert_true(sli_world_module(world, "no_such", NULL));
    assert_int_equal(try(env, NULL, &err), SL_E_UNSUPPORTED);
    sli_env_free(env);
    sli_world_free(world);
}

SL_TEST(a_world_has_sixteen_modules, "")
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                        "j", "k", "l", "m", "n", "o", "p", "q"};
    sli_module mine = {.struct_size = sizeof mine};
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = 1});
    for (int i = 0; i < 16; i++) {
        assert_true(sli_world_module(world, names[i], &mine));
    }
    assert_false(sli_world_module(world, names[16], &mine));
    assert_true(sli_world_module(world, names[3], NULL));
    sli_world_free(world);
}
