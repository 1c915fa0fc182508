-- Runs without remaining records.
delete from logboom.runs
 where first_position in (select first_position from logboom.runs where latest < $1 limit $2)
