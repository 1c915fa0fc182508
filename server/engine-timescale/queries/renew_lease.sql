update logboom.leases
   set expires_at = clock_timestamp() + $3::bigint * interval '1 microsecond'
 where name = $1
   and token = $2
   and expires_at > clock_timestamp()
