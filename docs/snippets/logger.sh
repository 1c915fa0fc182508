logger --server 127.0.0.1 --port 5514 --tcp --rfc5424 --tag shop -p user.warning 'hello from logger'
