select min(time)
  from logboom.logs
 where service = $1
   and ($2::timestamptz is null or time >= $2)
   and time < $3
