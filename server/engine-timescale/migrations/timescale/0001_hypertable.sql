-- The same table as a hypertable, a chunk for each day. Only ever applied while no
-- record is stored.
create table logboom.hypertable (like logboom.logs including defaults including comments);
drop table logboom.logs;
alter table logboom.hypertable rename to logs;

select create_hypertable(
    'logboom.logs', 'time',
    chunk_time_interval => interval '1 day', create_default_indexes => false);

create index logs_order on logboom.logs (time, time_ns, position);
create index logs_position on logboom.logs (position);
