/// namenode.h — the real HDFS of `make test-hdfs`: SLUICE_TEST_HDFS names the directory in which
/// tools/hdfs has started it.
#pragma once

#include <stddef.h>

/// That directory. Ends the test as not tried here when there is none, or in a build without HTTP.
const char *slt_hdfs_dir(void);
/// HOST:PORT of its WebHDFS. Fails the test.
void slt_hdfs_web(char *out, size_t size);
/// Runs `tools/hdfs VERB DIR WORDS`, and returns its exit code.
int slt_hdfs_tool(const char *verb, const char *words);
