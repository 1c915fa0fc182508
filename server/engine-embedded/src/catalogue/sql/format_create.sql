create table if not exists format (version integer not null);
