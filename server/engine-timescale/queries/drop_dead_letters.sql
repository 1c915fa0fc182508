-- $1: the limit in bytes, $2: the age limit in seconds. Drops the oldest letters beyond the bytes, but never the
-- newest, and all that are older than the age. Returns the dropped ones.
with sized as (
    select id, time, 256 + octet_length(payload) + octet_length(reason) + octet_length(producer) as bytes
      from logboom.dead_letters
), ranked as (
    select id, time, sum(bytes) over newer as upto, row_number() over newer as place
      from sized
    window newer as (order by id desc)
), gone as (
    delete from logboom.dead_letters
     where id in (select id from ranked
                   where (upto > $1 and place > 1) or time < now() - $2 * interval '1 second')
    returning records
), counted as (
    select count(*) as letters, coalesce(sum(records), 0)::bigint as records from gone
)
update logboom.dead_letters_dropped as dropped
   set letters = dropped.letters + counted.letters, records = dropped.records + counted.records
  from counted
 where counted.letters > 0
returning counted.letters, counted.records
