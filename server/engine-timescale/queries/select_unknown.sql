-- Partitions and chunks of some size that were never analysed, or when the transaction that
-- filled them had not committed.
select format('%I.%I', nspname, relname)
  from pg_inherits
  join pg_class on pg_class.oid = inhrelid
  join pg_namespace on pg_namespace.oid = relnamespace
 where inhparent = 'logboom.logs'::regclass
   and relkind = 'r'
   and reltuples <= 0
   and pg_relation_size(inhrelid) > 1024 * 1024
