-- Chunks, their indexes, and what of them is in columns.
select coalesce(hypertable_size('logboom.logs'), 0)::bigint
