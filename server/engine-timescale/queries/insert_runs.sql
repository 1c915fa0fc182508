insert into logboom.runs (
    first_position, records, bytes, first_id, batch_id, client_id, producer, observed_time, earliest, latest)
select first_position, records, bytes, first_id, batch_id, client_id, producer, observed_time,
       earliest, latest
  from unnest(
           $1::bigint[], $2::integer[], $3::bigint[], $4::uuid[], $5::bytea[], $6::boolean[], $7::text[],
           $8::bigint[], $9::timestamptz[], $10::timestamptz[])
    as runs (first_position, records, bytes, first_id, batch_id, client_id, producer, observed_time, earliest, latest)
