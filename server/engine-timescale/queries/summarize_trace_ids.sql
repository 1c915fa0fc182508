-- The two newest partitions or chunks; older ones are complete.
select brin_summarize_new_values(newest.indexrelid)
  from (select indexes.indexrelid
          from pg_inherits
          join pg_index as indexes on indexes.indrelid = pg_inherits.inhrelid
          join pg_class as class on class.oid = indexes.indexrelid
          join pg_am on pg_am.oid = class.relam and pg_am.amname = 'brin'
         where pg_inherits.inhparent = 'logboom.logs'::regclass
           and pg_relation_size(pg_inherits.inhrelid) > 0) as newest
