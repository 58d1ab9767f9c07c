// Lines of published files.
#include "published.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "life.h"
#include "sl_test.h"

static void each_line_of(const char *path, void (*see)(void *ctx, const char *line), void *ctx)
{
    size_t size = 0;
    char *rest = NULL, *text = slt_load(path, &size);
    assert_non_null(text);
    for (char *line = strtok_r(text, "\r\n", &rest); line != NULL;
         line = strtok_r(NULL, "\r\n", &rest)) {
        see(ctx, line);
    }
    free(text);
}

void slt_each_line(const char *dir, void (*see)(void *ctx, const char *line), void *ctx)
{
    DIR *list = opendir(dir);
    assert_non_null(list);
    for (struct dirent *file; (file = readdir(list)) != NULL;) {
        char path[1024];
        int size = snprintf(path, sizeof path, "%s/%s", dir, file->d_name);
        assert_true(size > 0 && (size_t)size < sizeof path);
        if (file->d_name[0] != '.' && file->d_name[0] != '_') {
            each_line_of(path, see, ctx);
        }
    }
    (void)closedir(list);
}
