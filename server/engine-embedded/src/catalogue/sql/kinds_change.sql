-- The number of a change, which is the version of what it changes.
insert into document_kinds (kind, version) values (?1, 1)
    on conflict (kind) do update set version = version + 1
returning version;
