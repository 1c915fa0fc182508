echo '{"service":"shop","level":"info","message":"hello from tcp"}' > /dev/tcp/127.0.0.1/9040
