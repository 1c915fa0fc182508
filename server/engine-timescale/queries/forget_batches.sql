-- A bounded number at a time, so that no node waits long for it.
delete from logboom.ledger
 where batch_id in (
           select batch_id
             from logboom.ledger
            where stored_at < greatest(
                      now() - $1::bigint * interval '1 second',
                      (select stored_at from logboom.ledger order by stored_at desc offset $2 - 1 limit 1))
            order by stored_at
            limit 10000)
