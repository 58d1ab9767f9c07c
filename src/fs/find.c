/// find.c — which file system a URL means.
#include "fs/fs.h"

const sli_fs_ops *sli_fs_find(sl_text scheme)
{
    static const sli_fs_ops *const all[] = {&sli_fs_local, &sli_fs_hdfs};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (sli_text_is(scheme, all[i]->scheme)) {
            return all[i];
        }
    }
    return NULL;
}
