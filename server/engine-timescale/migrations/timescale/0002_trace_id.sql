-- As on the plain table, which the hypertable has replaced.
create index if not exists logs_trace_id on logboom.logs
 using brin (trace_id bytea_bloom_ops (n_distinct_per_range = 2000, false_positive_rate = 0.01));
