delete from logboom.logs
 where service = $1
   and time >= $2
   and time < $3
