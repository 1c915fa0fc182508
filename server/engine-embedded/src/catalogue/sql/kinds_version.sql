select coalesce((select version from document_kinds where kind = ?1), 0);
