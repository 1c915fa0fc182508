-- While there is a continuous aggregate ($3 is false), only a store that counted without it before has counts.
insert into logboom.minute_counts_changed (earliest, latest)
select $1, $2
 where $3 or (select position from logboom.minute_counts_upto) >= 0
