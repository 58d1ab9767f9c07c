/// ml.h — models that learn from a stream, epoch by epoch.
///
/// A model is state: it is in the checkpoint's deltas and snapshots, filed under its uid, and after
/// a crash it goes on as if there had been none. It learns from the rows of each epoch that its
/// `train` calls name, and other streams are given its predictions.
///
///     sl_model *clusters = sl_model_open(graph, "kmeans", "k=10 decay=0.9 dims=2 seed=7");
///     sl_model_train(clusters, points, "x, y", NULL);
///     sl_stream_print(sl_model_predict(clusters, points, "x, y", "cluster"), 10);
///
/// **Order.** Calls of one model count in order of definition, as in Spark on the JVM: what is
/// predicted after sl_model_train uses the model that has learnt from the same epoch; what is
/// predicted before it uses the model as the epoch before left it (test first, then train).
///
/// **Features** are named as "x, y, z", columns of numbers, or one column that is a list of
/// numbers, as many in every row. A feature that is null, NaN or infinite, a list of another length
/// and a label that the model can't take are bad input: SL_E_DATA with the row, which the poison
/// policy isolates (docs/DEAD_LETTERS.md); with the model's option invalid=skip such a row is not
/// learnt from, and its prediction is null.
///
/// **Arithmetic.** A partition's rows are taken in order, partitions are put together by their
/// number, so a replay, a restart and any number of workers give the same bits. Mini-batches
/// (fraction below 1) are drawn by (seed + step, epoch, partition) with a generator of our own, not
/// Spark's.
///
/// Calls that define the graph can't fail; see graph.h. `sluice help models` lists the options.
#pragma once

#include "sluice/graph.h"

SL_BEGIN_DECLS

/// A model of the graph; lives as long as it.
typedef struct sl_model sl_model;

/// A model of one of these kinds; options are "name=value" pairs, NULL for none. Its rows
/// (sl_model_stream) are also those of its table in a checkpoint.
///
/// - "kmeans", Spark's StreamingKMeans. Options k (2), decay (1.0) or half_life, unit (batches,
///   points), centers "0 0; 4 4" with weights "1 1", or random ones: dims, weight, seed. Rows:
///   cluster int64, weight float64, center list<float64>. Predicts int64.
/// - "linear", StreamingLinearRegressionWithSGD: no intercept. Options weights (zeros), dims, step
///   (0.1), iterations (50), fraction (1.0), tolerance (0.001), seed (42). Rows: feature int64,
///   weight float64. Predicts float64.
/// - "logistic", StreamingLogisticRegressionWithSGD, labels 0 and 1: as "linear", and reg (0.0),
///   output (class, probability). Predicts float64.
/// - "standardize": mean and variance of each feature, by Welford's and Chan's formulas (Chan,
///   Golub, LeVeque 1983); predicts (x - mean) / deviation, null before the second row. Options
///   dims, variance (sample, population). Rows: feature int64, count int64, mean float64, m2
///   float64. Predicts float64 for each feature named, or one list<float64>.
/// - "ftrl": logistic regression by FTRL-Proximal with a learning rate for each weight (McMahan et
///   al. 2013), features hashed (Weinberger et al. 2009): a column of numbers is one feature, each
///   value of a string or bool column is one, and each element of a list of strings. Options bits
///   (18), alpha (0.1), beta (1.0), l1 (0.0), l2 (0.0), signed (false), intercept (true). Rows:
///   bucket int64, z float64, n float64, those that were ever met. Predicts the probability,
///   float64.
/// - "xgboost", a model that XGBoost has trained, from its JSON or UBJSON file. Options file,
/// inputs
///   (names of the features, in order), output (value, probability, class, margin). A feature that
///   is null or NaN is missing, as in XGBoost; an infinite one is bad input. Predicts float64, or
///   list<float64> or as many columns as named where there are several numbers. Rows, one: number
///   int64, hash string, bytes int64, since_epoch int64, of the file's content in use.
/// - "onnx", a model in ONNX's format, scored by ONNX Runtime. Options file, inputs, output (one of
///   the model's, or several), library. Else as "xgboost", but that null and NaN are bad input too.
///
/// The last two are trained elsewhere: sl_model_train is a mistake, and they learn by their file's
/// replacement, which the next epoch uses (docs/MODELS.md). Where all features named are inputs of
/// the model by name, the names say which is which, and else the order does.
///
/// A model of another shape (k, dims, bits) under the same uid is refused at a restart:
/// SL_E_INCOMPATIBLE.
SL_API sl_model *sl_model_open(sl_graph *graph, const char *kind, const char *options);
/// As sl_stream_uid: the name under which the model is filed. Returns its argument.
SL_API sl_model *sl_model_uid(sl_model *model, const char *uid);
/// trainOn: the model learns from the stream's rows in every epoch that has the stream's RDD. It is
/// an output: it runs whether anything asks for the model or not. `label` names the column of
/// labels, NULL for kinds that have none.
SL_API void sl_model_train(sl_model *model, sl_stream *stream, const char *features,
                           const char *label);
/// predictOn, and predictOnValues: the stream's rows with the prediction behind their columns.
/// `names` names its column, or columns ("x_scaled, y_scaled" for standardize); NULL: "prediction",
/// or each feature's name with "_scaled" behind.
SL_API sl_stream *sl_model_predict(sl_model *model, sl_stream *stream, const char *features,
                                   const char *names);
/// How many features a row has, and how many numbers are predicted for it; 0: not known yet. NULL
/// models, after a mistake, have none.
SL_API int32_t sl_model_features(const sl_model *model);
SL_API int32_t sl_model_outputs(const sl_model *model);
/// The model itself, in every epoch: its rows, as they are where this call stands among those of
/// the model.
SL_API sl_stream *sl_model_stream(sl_model *model);

/// Spark's StreamingTest: whether two groups have the same mean. `group`, a bool column, is true
/// for the experiment; `value` is a column of numbers. Options: method (welch, student), window
/// (batches that count; 0: all), peace (first batches that don't count, 0), invalid. Output, a row
/// a batch: "p_value float64, degrees float64, statistic float64, method string", where the
/// statistic has the control's mean less the experiment's. There is no row while a group has fewer
/// than two values. Spark's defects are cured: variances are those of samples, the degrees of
/// freedom of Welch's test are those that its p value uses (Welch 1947), the peace period counts
/// batches of the job. With compat=spark they are as there.
SL_API sl_stream *sl_stream_test(sl_stream *stream, const char *group, const char *value,
                                 const char *options);

SL_END_DECLS
