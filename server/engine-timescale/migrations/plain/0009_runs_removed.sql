-- How many records of the run deletions have removed. A node that has the run in memory reads
-- it again once this is not 0.
alter table logboom.runs add column removed integer not null default 0;
