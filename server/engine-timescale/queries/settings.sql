-- Settings that this server's version does not know are left out.
select set_config(name, wanted.value, false)
  from unnest($1::text[], $2::text[]) as wanted (name, value)
  join pg_settings using (name)
