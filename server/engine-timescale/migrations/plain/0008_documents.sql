-- What people and features keep: small JSON documents by kind and name.
create table logboom.documents (
    kind    text collate "C" not null,
    name    text collate "C" not null,
    -- That of the kind at the document's last change.
    version bigint           not null,
    -- JSON as text: jsonb refuses \u0000, changes numbers and drops keys that come twice.
    body    text             not null,
    primary key (kind, name)
);

-- How many changes a kind has had. A change locks the row of its kind, so changes of one kind are
-- committed in the order of their versions, and no version comes twice.
create table logboom.document_kinds (
    kind    text collate "C" primary key,
    version bigint           not null
);

-- Who may do what one node at a time may do. A row stays, because tokens never come twice.
create table logboom.leases (
    name       text collate "C" primary key,
    token      bigint           not null,
    -- For people.
    holder     text             not null,
    expires_at timestamptz      not null
);

-- Fails unless the lease is held under this token. Nobody else can acquire it before the
-- transaction ends: the row is locked.
create function logboom.hold_lease(wanted text, wanted_token bigint) returns void language plpgsql volatile as $$
begin
    perform from logboom.leases
      where name = wanted
        and token = wanted_token
        and expires_at > clock_timestamp()
        for share;
    if not found then
        raise exception 'the lease % with token % is lost', wanted, wanted_token using errcode = 'LB001';
    end if;
end;
$$;

-- Saved views are documents.
insert into logboom.documents (kind, name, version, body)
select 'view', name, row_number() over (order by name), json_build_object('address', address)::text
  from logboom.views;
insert into logboom.document_kinds (kind, version)
select 'view', count(*)
  from logboom.views;
drop table logboom.views;
