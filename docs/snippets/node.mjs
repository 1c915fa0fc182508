await fetch("http://127.0.0.1:3000/api/v1/push", {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ service: "shop", level: "info", message: "hello from node" }),
});
