-- What people and features keep: small JSON documents by kind and name.
create table documents (
    kind    text    not null,
    name    text    not null,
    -- That of the kind at the document's last change.
    version integer not null,
    body    text    not null, -- JSON
    primary key (kind, name)
) without rowid;

-- How many changes a kind has had; what is deleted counts as well, so no version comes twice.
create table document_kinds (
    kind    text    primary key,
    version integer not null
) without rowid;

-- The newest token of each lease. Who holds it is in memory: one process has the folder.
create table leases (
    name  text    primary key,
    token integer not null
) without rowid;

-- Saved views are documents.
insert into documents (kind, name, version, body)
select 'view', name, row_number() over (order by name), json_object('address', address) from views;
insert into document_kinds (kind, version) select 'view', count(*) from views;
drop table views;
