-- Old records outside of all daily partitions.
delete from logboom.logs_other
 where ctid = any (array (select ctid from logboom.logs_other where time < $1 limit $2))
returning position, time
