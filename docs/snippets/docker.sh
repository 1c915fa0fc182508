docker run --rm --name shop --log-driver gelf --log-opt gelf-address=udp://127.0.0.1:12201 alpine echo 'hello from docker'
docker run --rm --name shop --log-driver fluentd --log-opt fluentd-address=127.0.0.1:24224 alpine echo 'hello from docker'
docker run --rm --log-driver syslog --log-opt syslog-address=tcp://127.0.0.1:5514 --log-opt tag=shop alpine echo 'hello from docker'
