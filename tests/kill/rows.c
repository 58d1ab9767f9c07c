// Rows of the published files: "f,12,k3,7" and "c,1,,7", and the names of the files.
#include "kill/kill.h"

#include <stdlib.h>
#include <string.h>

bool slt_row_read(const char **at, slt_row *row)
{
    const char *line = *at, *end = strchr(line, '\n');
    *row = (slt_row){0};
    if (*line == '\0') {
        return false;
    }
    *at = end == NULL ? line + strlen(line) : end + 1;
    char *after = NULL;
    const char *key = NULL;
    if (end == NULL || line[1] != ',' || strchr("fsc", line[0]) == NULL) {
        return true;
    }
    int64_t number = strtoll(line + 2, &after, 10);
    key = after;
    const char *second = *key == ',' ? strchr(key + 1, ',') : NULL;
    if (second == NULL || second > end) {
        return true;
    }
    bool right_key = line[0] == 'c' || (key[1] == 'k' && atoll(key + 2) == slt_key_of(number));
    int64_t epoch = strtoll(second + 1, &after, 10);
    if (after == end && right_key) {
        *row = (slt_row){line[0], number, epoch};
    }
    return true;
}

int64_t slt_group_of(const char *name)
{
    char *end = NULL;
    int64_t group = name[0] < '0' || name[0] > '9' ? 0 : strtoll(name, &end, 10);
    return group > 0 && *end == '-' && strlen(end) > 4 && strcmp(end + strlen(end) - 4, ".csv") == 0
               ? group
               : 0;
}
