select format('%I.%I', chunk_schema, chunk_name)
  from timescaledb_information.chunks
 where hypertable_schema = 'logboom'
   and hypertable_name = 'logs'
   and not is_compressed
   and range_end < now() - interval '6 hours'
 order by range_start
