-- Forgets batches that are $1 seconds old, or beyond the newest $2; $3 days are kept in any
-- case. A bounded number at a time, so that no node waits long for it.
--
-- A database whose clock jumps ahead makes every batch old at once. So by age it forgets only
-- what is older than the newest $3 days that have batches, whichever days these are. The index
-- gives each of them by one seek.
with recursive days (day, number) as (
    select date_trunc('day', max(stored_at), 'UTC'), 1::bigint
      from logboom.ledger
     union all
    select date_trunc('day', (select max(stored_at) from logboom.ledger where stored_at < day), 'UTC'), number + 1
      from days
     where number < $3 and day is not null)
delete from logboom.ledger
 where batch_id in (
           select batch_id
             from logboom.ledger
            where stored_at < greatest(
                      least(
                          now() - $1::bigint * interval '1 second',
                          -- Where there are fewer days, nothing is older than all of them.
                          coalesce((select day from days where number = $3), '-infinity')),
                      (select stored_at from logboom.ledger order by stored_at desc offset $2 - 1 limit 1))
            order by stored_at
            limit 10000)
