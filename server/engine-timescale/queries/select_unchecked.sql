-- The block that was checked longest ago.
select first_position, last_position, earliest, latest
  from logboom.summaries
 where built > 0
 order by checked_at
 limit 1
