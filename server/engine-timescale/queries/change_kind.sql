-- The number of a change, which is the version of what it changes. Changes of one kind wait here
-- for each other.
insert into logboom.document_kinds as kinds (kind, version) values ($1, 1)
    on conflict (kind) do update set version = kinds.version + 1
returning version
