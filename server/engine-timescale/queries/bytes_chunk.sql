-- Compressed chunks have their data in a separate table.
select coalesce(sum(total_bytes), 0)::bigint
  from chunks_detailed_size('logboom.logs')
 where format('%I.%I', chunk_schema, chunk_name) = $1
