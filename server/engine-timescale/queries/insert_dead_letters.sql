insert into logboom.dead_letters (reason, producer, batch_id, payload, records)
select reason, producer, batch_id, payload, records
  from unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::bigint[]) with ordinality
    as letters (reason, producer, batch_id, payload, records, place)
 order by place
