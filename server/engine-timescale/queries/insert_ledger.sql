-- Sorted by id, so that two nodes cannot deadlock.
insert into logboom.ledger (batch_id, client_id)
select batch_id, client_id
  from unnest($1::bytea[], $2::boolean[]) as batches (batch_id, client_id)
 order by batch_id
    on conflict do nothing
returning batch_id
