-- In the catalogue a hypertable is an ordinary table; the native layout is a partitioned one.
select relkind = 'r' from pg_class where oid = 'logboom.logs'::regclass
