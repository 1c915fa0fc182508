-- How many records each minute has, by what people ask about most. Logboom itself
-- refreshes it, and knows which minutes have changed since: those it counts afresh.
create materialized view logboom.minutes
  with (timescaledb.continuous, timescaledb.materialized_only = true) as
select time_bucket(interval '1 minute', time) as minute, service, severity, count(*) as records
  from logboom.logs
 group by 1, 2, 3
  with no data;

-- Up to which position the records are in logboom.minutes. One row.
create table logboom.minutes_upto (
    position bigint not null
);
insert into logboom.minutes_upto values (-1);
