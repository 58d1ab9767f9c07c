/// hdfs.h — what those who offer hdfs: URLs put into their tables of options.
#pragma once

#include "conf/conf.h"

/// Rows for the table of a source or sink: how to speak to a cluster.
#define SLI_HDFS_OPTIONS                                                                           \
    {.name = "namenodes",                                                                          \
     .type = SL_OPT_TEXT,                                                                          \
     .text = "Further NameNodes, as host:port separated by commas: asked when the one of the URL " \
             "is on standby or away."},                                                            \
        {.name = "user",                                                                           \
         .type = SL_OPT_TEXT,                                                                      \
         .text = "Who asks, for a cluster that believes it. Default: HADOOP_USER_NAME, else "      \
                 "USER."},                                                                         \
        {.name = "password",                                                                       \
         .type = SL_OPT_SECRET,                                                                    \
         .text = "HTTP's basic authentication as `user`, for a gateway that asks for it. May be "  \
                 "file:PATH or env:NAME."},                                                        \
        {.name = "token",                                                                          \
         .type = SL_OPT_SECRET,                                                                    \
         .text = "A delegation token, in place of `user`. May be file:PATH or env:NAME."},         \
        {.name = "negotiate",                                                                      \
         .type = SL_OPT_BOOL,                                                                      \
         .fallback = "false",                                                                      \
         .text = "SPNEGO, with the Kerberos ticket of the process (kinit)."},                      \
        {.name = "tls",                                                                            \
         .type = SL_OPT_BOOL,                                                                      \
         .fallback = "false",                                                                      \
         .text = "The NameNodes' addresses speak https."},                                         \
        {.name = "tls.ca",                                                                         \
         .type = SL_OPT_TEXT,                                                                      \
         .text = "PEM file of who signs the servers. Default: those the system trusts."},          \
        {.name = "tls.cert", .type = SL_OPT_TEXT, .text = "PEM file of a client's certificate."},  \
        {.name = "tls.key", .type = SL_OPT_TEXT, .text = "PEM file of its key."},                  \
        {.name = "tls.key_password",                                                               \
         .type = SL_OPT_SECRET,                                                                    \
         .text = "The key's password. May be file:PATH or env:NAME."},                             \
        {.name = "retry_timeout",                                                                  \
         .type = SL_OPT_DURATION,                                                                  \
         .fallback = "60s",                                                                        \
         .low = "1ms",                                                                             \
         .high = "1d",                                                                             \
         .text =                                                                                   \
             "What passes by itself (a NameNode that starts, safe mode, a lost connection) is "    \
             "tried again for so long."},                                                          \
        {.name = "answer_timeout",                                                                 \
         .type = SL_OPT_DURATION,                                                                  \
         .fallback = "60s",                                                                        \
         .low = "1ms",                                                                             \
         .high = "1d",                                                                             \
         .text = "How long one answer is waited for, from a server that has taken the question: "  \
                 "at most `retry_timeout`, and from one of several NameNodes its share of that, "  \
                 "so that each has its turn."},                                                    \
    {                                                                                              \
        .name = "piece", .type = SL_OPT_SIZE, .fallback = "16MiB", .low = "1KiB", .high = "1GiB",  \
        .text = "Files are written in pieces of this size, each kept in memory until the cluster " \
                "has it, and joined when the file ends."                                           \
    }
