insert into logboom.dead_letters (reason, producer, batch_id, payload, records, services)
select reason, producer, batch_id, payload, records,
       -- Unnesting flattens nested arrays, so each letter's services come as JSON.
       array(select jsonb_array_elements_text(services::jsonb))
  from unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::bigint[], $6::text[]) with ordinality
    as letters (reason, producer, batch_id, payload, records, services, place)
 order by place
