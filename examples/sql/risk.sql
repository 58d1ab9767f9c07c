-- Flows that a trained model finds risky. The model is a file of XGBoost; while the job runs another one may be renamed over
-- it, and the next epoch uses that. docs/MODELS.md.
CREATE TABLE flows (host STRING, a DOUBLE, b DOUBLE, c DOUBLE)
WITH ('connector' = 'filesystem', 'path' = '${IN:-in}', 'format' = 'json');

CREATE TABLE alarms (host STRING, p DOUBLE)
WITH ('connector' = 'filesystem', 'path' = '${OUT:-out}', 'format' = 'csv');

CREATE MODEL risk INPUT (a DOUBLE, b DOUBLE, c DOUBLE) OUTPUT (p DOUBLE)
WITH ('provider' = 'xgboost', 'path' = '${MODEL:-risk.json}', 'output' = 'probability');

INSERT INTO alarms
SELECT host, p FROM ML_PREDICT(TABLE flows, MODEL risk, DESCRIPTOR(a, b, c)) WHERE p > ${LIMIT:-0.5};
