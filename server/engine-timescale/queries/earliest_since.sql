-- The earliest time of the records stored after a position.
select min(earliest)
  from logboom.runs
 where first_position > $1
