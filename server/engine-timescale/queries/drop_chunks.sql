select drop_chunks('logboom.logs', older_than => $1::timestamptz)::text
