from grpc_requests import Client

logger = Client.get_by_endpoint("127.0.0.1:4317").service("LoggerService.Logger")
logger.SendLog({"node": "shop", "level": "info", "message": "hello from grpc-python"})
