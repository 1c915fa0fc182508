-- The earliest time among what was stored after a position.
select min(earliest)
  from logboom.runs
 where first_position > $1
