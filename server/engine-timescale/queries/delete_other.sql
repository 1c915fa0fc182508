-- Of the records that are in no day's partition.
delete from logboom.logs_other
 where ctid = any (array (select ctid from logboom.logs_other where time < $1 limit $2))
