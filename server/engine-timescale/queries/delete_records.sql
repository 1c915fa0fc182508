-- Exactly the records at these positions. The bounds exclude partitions, chunks, and groups of rows of the columnstore,
-- for which TimescaleDB does not look into the list.
delete from logboom.logs
 where time between $1 and $2
   and position between $3 and $4
   and position = any ($5)
returning position
