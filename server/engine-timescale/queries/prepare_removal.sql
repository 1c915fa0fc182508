-- For the rest of the transaction. $1: the limit of a statement in milliseconds. Rows of the columnstore are turned back
-- into rows to delete some of them; a step has its own limit of rows. PostgreSQL without TimescaleDB lacks that setting.
select set_config(name, wanted.value, true)
  from (values ('statement_timeout', $1::text),
               ('lock_timeout', '3s'),
               ('timescaledb.max_tuples_decompressed_per_dml_transaction', '0')) as wanted (name, value)
  join pg_settings using (name)
