-- The records of a block, and how many there were when it was built; null if it was forgotten meanwhile.
select count(*), (select records from logboom.summaries where first_position = $1 and built > 0)
  from logboom.logs
 where position between $1 and $2
   and time between $3 and $4
