-- Runs after $1, up to $2, in order.
select first_position, records, bytes, observed_time, earliest, latest
  from logboom.runs
 where first_position > $1
   and first_position <= $2
 order by first_position
 limit $3
