/// library.c — shared objects: loading one, and where our own code lies.
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>

#include "base/str.h"
#include "env/posix/posix_int.h"

sl_code sli_posix_load(sl_env *env, const char *path, const char *symbol, void **out, sl_error *err)
{
    (void)env;
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (object == NULL) {
        return sl_error_set(err, SL_E_UNSUPPORTED, "can't be loaded: %s", dlerror());
    }
    void *found = dlsym(object, symbol);
    (void)dlclose(object); // the name only: RTLD_NODELETE keeps the code
    if (found == NULL) {
        return sl_error_set(err, SL_E_INCOMPATIBLE, "%s: has no %s", path, symbol);
    }
    *out = found;
    return SL_OK;
}

sl_code sli_posix_code_dir(sl_env *env, sli_str *out, sl_error *err)
{
    (void)env;
    static const char here; // an object of the library, or of the program it is linked into
    Dl_info info;
    void *extra = NULL;
    if (dladdr1(&here, &info, &extra, RTLD_DL_LINKMAP) == 0) {
        return sl_error_set(err, SL_E_UNSUPPORTED, "the place of libsluice can't be found");
    }
    const char *name = ((const struct link_map *)extra)->l_name;
    char path[PATH_MAX];
    if (realpath(name[0] == '\0' ? "/proc/self/exe" : name, path) == NULL) {
        return sl_error_sys(err, SL_OK, errno, "%s", name[0] == '\0' ? "/proc/self/exe" : name);
    }
    const char *slash = strrchr(path, '/');
    sli_str_add(out, path, (size_t)(slash - path));
    return sli_str_check(out, "a directory's name", err);
}
