/// namenode.h — the real HDFS of `make test-hdfs`: SLUICE_TEST_HDFS names the directory in which
/// tools/hdfs has started it, SLUICE_TEST_HDFS_SECURE that of one that believes nobody.
#pragma once

#include <stdbool.h>
#include <stddef.h>

/// That directory. Ends the test as not tried here when there is none, or in a build without HTTP.
const char *slt_hdfs_dir(void);
/// The same of the one with Kerberos.
const char *slt_hdfs_secure_dir(void);
/// HOST:PORT of its WebHDFS. Fails the test.
void slt_hdfs_web(char *out, size_t size);
/// Runs `tools/hdfs VERB DIR WORDS`, and returns its exit code.
int slt_hdfs_tool(const char *verb, const char *words);

/// The only line of a file of a cluster's directory. Fails the test.
void slt_hdfs_line(const char *dir, const char *name, char *out, size_t size);
/// As slt_hdfs_tool, for a cluster in `dir`. `meanwhile`: the test goes on while it runs.
int slt_hdfs_run(const char *dir, const char *verb, const char *words, bool meanwhile);
