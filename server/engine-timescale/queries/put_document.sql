insert into logboom.documents (kind, name, version, body) values ($1, $2, $3, $4)
    on conflict (kind, name) do update set version = excluded.version, body = excluded.body
