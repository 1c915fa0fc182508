-- Skips settings unknown to this server version. All tables are qualified by schema; the search path is for the
-- functions of the extension.
select set_config(name, wanted.value, false)
  from unnest($1::text[], $2::text[]) as wanted (name, value)
  join pg_settings using (name)
union all
select set_config('search_path', quote_ident(nspname), false)
  from pg_extension
  join pg_namespace on pg_namespace.oid = extnamespace
 where extname = 'timescaledb'
