-- Includes chunks, their indexes, and compressed data.
select coalesce(hypertable_size('logboom.logs'), 0)::bigint
