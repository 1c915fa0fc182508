-- The version of the kind and its documents, by name, in one snapshot. A kind without documents has one row without a
-- name.
select kinds.version, documents.name, documents.version, documents.body
  from (select coalesce((select version from logboom.document_kinds where kind = $1), 0) as version) as kinds
  left join logboom.documents on documents.kind = $1
 order by documents.name
