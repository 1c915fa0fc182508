select coalesce((select version from logboom.document_kinds where kind = $1), 0)
