grpcurl -plaintext -d '{"node":"shop","level":"info","message":"hello from grpc"}' \
  127.0.0.1:4317 LoggerService.Logger/SendLog
