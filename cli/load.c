// Opening a job that was built as a shared object.
#include <dlfcn.h>
#include <string.h>

#include "cli.h"

sl_code cli_load(const char *path, const sl_job_entry **entry, sl_error *err)
{
    char with_dir[4096];
    // dlopen looks a name without '/' up in the system's directories; a job is a file here.
    if (strchr(path, '/') == NULL && strlen(path) + 3 < sizeof with_dir) {
        memcpy(with_dir, "./", 2);
        memcpy(with_dir + 2, path, strlen(path) + 1);
        path = with_dir;
    }
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (object == NULL) {
        return sl_error_set(err, SL_E_NOT_FOUND, "%s", dlerror());
    }
    const sl_job_entry *found = dlsym(object, "sl_job");
    if (found == NULL) {
        return sl_error_set(err, SL_E_INVALID,
                            "%s is no job: it has no SL_JOB(name, build_function)", path);
    }
    if (found->abi != SL_JOB_ABI) {
        return sl_error_set(err, SL_E_INVALID,
                            "%s was built for job interface %d, this is %d: build it again", path,
                            found->abi, SL_JOB_ABI);
    }
    *entry = found;
    return SL_OK;
}
