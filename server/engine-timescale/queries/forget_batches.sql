-- Deletes batch ids that are older than $1 seconds, or beyond the newest $2; $3 days are always kept. Deletes a limited
-- number per call, so that no node waits long.
--
-- A database clock that jumps ahead makes every batch old at once. So expiry by age applies only before the newest $3
-- days with batches, whichever days these are. The index finds each of them by one seek.
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
                          -- With fewer days, none are older than all of them.
                          coalesce((select day from days where number = $3), '-infinity')),
                      (select stored_at from logboom.ledger order by stored_at desc offset $2 - 1 limit 1))
            order by stored_at
            limit 10000)
