/// published.h — what the files of a file sink show.
#pragma once

/// Calls `see` with every line of every published file of a directory, its end cut off. Files that
/// are not published yet have names that begin with a dot or an underscore.
void slt_each_line(const char *dir, void (*see)(void *ctx, const char *line), void *ctx);
