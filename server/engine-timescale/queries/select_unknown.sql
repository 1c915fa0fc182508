-- Large partitions and chunks without statistics, or analysed before the transaction that filled them was committed.
select format('%I.%I', nspname, relname)
  from pg_inherits
  join pg_class on pg_class.oid = inhrelid
  join pg_namespace on pg_namespace.oid = relnamespace
 where inhparent = 'logboom.logs'::regclass
   and relkind = 'r'
   and reltuples <= 0
   and pg_relation_size(inhrelid) > 1024 * 1024
