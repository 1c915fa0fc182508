-- The number of a change, which becomes the version of the document. Changes of one kind wait here for each other.
insert into logboom.document_kinds as kinds (kind, version) values ($1, 1)
    on conflict (kind) do update set version = kinds.version + 1
returning version
