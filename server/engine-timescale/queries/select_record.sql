select time, time_ns, position, observed_time, id, severity, level, service, node, message, trace_id, span_id, attributes
  from logboom.logs
 where position = $1
   and time between $2 and $3
