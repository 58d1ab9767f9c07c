/// spark_keys.h — keys of Spark that Sluice refuses by name.
#pragma once

/// What to do instead of setting a key of Spark; NULL for one that is not known, or that has a
/// setting here.
const char *sli_spark_instead(const char *name);
