select extversion, quote_ident(nspname)
  from pg_extension
  join pg_namespace on pg_namespace.oid = extnamespace
 where extname = 'timescaledb'
