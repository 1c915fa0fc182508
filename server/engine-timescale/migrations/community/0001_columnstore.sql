-- Chunks that nothing comes to any more are turned into columns; Logboom itself says
-- when. Newest first is the order of every search.
alter table logboom.logs set (
    timescaledb.compress,
    timescaledb.compress_segmentby = '',
    timescaledb.compress_orderby = 'time desc, time_ns desc, position desc');
