-- A hypertable is an ordinary table to the catalogue; the plain track's is partitioned.
select relkind = 'r' from pg_class where oid = 'logboom.logs'::regclass
