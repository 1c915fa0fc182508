-- The chunks inherit from the table, wherever the extension keeps them.
select coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint
  from pg_inherits
 where inhparent = 'logboom.logs'::regclass
