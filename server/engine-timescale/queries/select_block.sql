select position, time, severity, service, node, message, trace_id, span_id, attributes
  from logboom.logs
 where position between $1 and $2
   and time between $3 and $4
 order by position
