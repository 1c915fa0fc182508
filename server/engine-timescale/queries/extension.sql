select extversion, quote_ident(nspname),
       coalesce(current_setting('timescaledb.license', true), '') = 'timescale'
  from pg_extension
  join pg_namespace on pg_namespace.oid = extnamespace
 where extname = 'timescaledb'
