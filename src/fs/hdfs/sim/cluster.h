/// cluster.h — a simulated HDFS: a NameNode or two and DataNodes, as WebHDFS shows them.
///
/// It is the world's module `http_curl`, so what loads libcurl elsewhere gets it there. It outlives
/// processes. What it is told to do wrong is what real clusters do: README.md of fs/hdfs lists it.
/// Everything runs on the world's one host thread.
#pragma once

#include "env/sim.h"
#include "http/http.h"

typedef struct sli_hdfs_cluster sli_hdfs_cluster;

/// An empty cluster with the NameNodes nn1:9870 and nn2:9870, of which nn1 is active. NULL without
/// memory. To be freed before the world, and after every client.
sli_hdfs_cluster *sli_hdfs_cluster_new(sli_world *world);
void sli_hdfs_cluster_free(SL_TAKES sli_hdfs_cluster *cluster); ///< accepts NULL

// ---------------------------------------------------------------- what goes wrong

/// Refuses connections for so long (SLI_FOREVER: until told 0).
void sli_hdfs_cluster_away(sli_hdfs_cluster *cluster, int64_t for_us);
/// Refuses changes with SafeModeException for so long.
void sli_hdfs_cluster_safe_mode(sli_hdfs_cluster *cluster, int64_t for_us);
/// A server ("nn1", "nn2", "dn1", "dn2") takes connections and questions, and answers nothing for
/// so long: as one whose process is stopped. Then it answers all of them. One server at a time.
void sli_hdfs_cluster_mute(sli_hdfs_cluster *cluster, const char *server, int64_t for_us);
/// nn2 becomes the active one, nn1 answers with StandbyException; or back.
void sli_hdfs_cluster_failover(sli_hdfs_cluster *cluster);
/// DataNode dn1 refuses connections; the NameNode goes on naming it unless it is told not to.
void sli_hdfs_cluster_datanode(sli_hdfs_cluster *cluster, bool away);
/// At the n-th request from now the connection is lost: before it was done, or after. Of an answer
/// with a body, half the body still comes.
void sli_hdfs_cluster_lose_at(sli_hdfs_cluster *cluster, int64_t n, bool done);
/// Any request, by the world's seed.
void sli_hdfs_cluster_lose(sli_hdfs_cluster *cluster, double chance);
/// All files together may have so many bytes (0: no limit).
void sli_hdfs_cluster_quota(sli_hdfs_cluster *cluster, int64_t bytes);
/// Nobody may change what is below `path` (NULL: everybody may). Lives as long as the cluster.
void sli_hdfs_cluster_forbid(sli_hdfs_cluster *cluster, const char *path);
/// Writing over or joining files below `path` finds another's lease, for so long.
void sli_hdfs_cluster_lease(sli_hdfs_cluster *cluster, const char *path, int64_t for_us);
/// Its NameNode on standby refuses as one with Kerberos does that is asked with a token.
void sli_hdfs_cluster_secure(sli_hdfs_cluster *cluster);
/// It knows no option of RENAME, as older servers and gateways: it answers {"boolean":false}.
void sli_hdfs_cluster_old_rename(sli_hdfs_cluster *cluster, bool old);

// ---------------------------------------------------------------- looking

int64_t sli_hdfs_cluster_requests(const sli_hdfs_cluster *cluster);
/// How many of them showed a DataNode a password or a ticket, if the client had one.
int64_t sli_hdfs_cluster_shown(const sli_hdfs_cluster *cluster);
/// Puts a whole file there, with the directories above it. False without memory.
bool sli_hdfs_cluster_put(sli_hdfs_cluster *cluster, const char *path, sl_text content);
/// Tells every file below a directory, in byte order of paths.
typedef void (*sli_hdfs_look_fn)(void *ctx, const char *path, sl_text content);
void sli_hdfs_cluster_look(const sli_hdfs_cluster *cluster, const char *dir, sli_hdfs_look_fn each,
                           void *ctx);
/// The content of a file; NULL: none is there. Lives until the cluster changes.
const sli_str *sli_hdfs_cluster_file(const sli_hdfs_cluster *cluster, const char *path);
