update logboom.leases
   set expires_at = '-infinity'
 where name = $1
   and token = $2
   and expires_at > clock_timestamp()
