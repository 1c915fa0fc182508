curl http://127.0.0.1:3000/api/v1/push -H 'content-type: application/json' \
  -d '{"service":"shop","level":"info","message":"hello from curl"}'
