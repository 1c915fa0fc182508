-- $1: the name, $2: the holder, $3: microseconds. Returns no row if another holder has it. The clock is read again
-- after waiting for a concurrent change of the row.
insert into logboom.leases as leases (name, holder, token, expires_at)
values ($1, $2, 1, clock_timestamp() + $3::bigint * interval '1 microsecond')
    on conflict (name) do update
   set holder     = excluded.holder,
       token      = leases.token + 1,
       expires_at = clock_timestamp() + $3::bigint * interval '1 microsecond'
 where leases.expires_at <= clock_timestamp()
returning token
