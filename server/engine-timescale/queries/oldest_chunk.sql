-- The end of the oldest chunk, unless it is the only one.
select range_end
  from (select range_end, count(*) over () as chunks
          from timescaledb_information.chunks
         where hypertable_schema = 'logboom'
           and hypertable_name = 'logs') as all_chunks
 where chunks > 1
 order by range_end
 limit 1
