-- A single statement: its parameters and end are one packet.
insert into logboom.logs (
    time, position, observed_time, id, time_ns, severity, level, service, node, message, trace_id, span_id, attributes)
select time, position, observed_time, id, time_ns, severity, level, service, node, message, trace_id, span_id, attributes
  from unnest(
           $1::timestamptz[], $2::bigint[], $3::bigint[], $4::uuid[], $5::smallint[], $6::smallint[], $7::text[],
           $8::text[], $9::text[], $10::text[], $11::bytea[], $12::bytea[], $13::jsonb[])
    as records (
       time, position, observed_time, id, time_ns, severity, level, service, node, message, trace_id, span_id,
       attributes)
