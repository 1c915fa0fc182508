-- All records from before this time are gone, after chunks were dropped up to $1.
select least(coalesce(min(range_start), $1), $1)
  from timescaledb_information.chunks
 where hypertable_schema = 'logboom'
   and hypertable_name = 'logs'
