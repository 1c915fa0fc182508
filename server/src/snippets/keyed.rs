//! Where the client of each snippet takes a key.

/// Stands for the key in a text.
pub(super) const KEY: &str = "{key}";

/// A snippet, a part of its text, and the same part with a key.
const PLACES: [(&str, &str, &str); 17] = [
    (
        "curl",
        "-H 'content-type: application/json' \\\n",
        "-H 'content-type: application/json' \\\n  -H 'authorization: Bearer {key}' \\\n",
    ),
    ("lines", "| logboom send", "| LOGBOOM_KEY={key} logboom send"),
    ("winston", "service: 'shop' }", "service: 'shop', key: '{key}' }"),
    ("winston-http", "path: '/api/v1/push' }", "path: '/api/v1/push', auth: { bearer: '{key}' } }"),
    ("pino", " batching: {", "\n    basicAuth: { username: 'shop', password: '{key}' }, batching: {"),
    (
        "node",
        "\"content-type\": \"application/json\" }",
        "\"content-type\": \"application/json\", authorization: \"Bearer {key}\" }",
    ),
    ("opentelemetry-node", "/v1/logs' }", "/v1/logs', headers: { authorization: 'Bearer {key}' } }"),
    (
        "elasticsearch-node",
        "node: 'http://127.0.0.1:3000' }",
        "node: 'http://127.0.0.1:3000', auth: { apiKey: '{key}' } }",
    ),
    (
        "winston-elasticsearch",
        "node: 'http://127.0.0.1:3000' }",
        "node: 'http://127.0.0.1:3000', auth: { apiKey: '{key}' } }",
    ),
    ("winston-loki", "  labels:", "  basicAuth: 'shop:{key}',\n  labels:"),
    (
        "opentelemetry-python",
        ", insecure=True)",
        ", insecure=True,\n    headers=((\"authorization\", \"Bearer {key}\"),))",
    ),
    (
        "python",
        "{\"content-type\": \"application/json\"})",
        "{\"content-type\": \"application/json\",\n     \"authorization\": \"Bearer {key}\"})",
    ),
    ("loki-python", " version=\"1\")", "\n    auth=(\"shop\", \"{key}\"), version=\"1\")"),
    (
        "elasticsearch-python",
        "Elasticsearch(\"http://127.0.0.1:3000\")",
        "Elasticsearch(\"http://127.0.0.1:3000\", api_key=\"{key}\")",
    ),
    ("tracing", ".service(\"shop\")", ".service(\"shop\").key(\"{key}\")"),
    (
        "go",
        "\tanswer, err := http.Post(\"http://127.0.0.1:3000/api/v1/push\", \"application/json\", line)\n",
        "\trequest, err := http.NewRequest(\"POST\", \"http://127.0.0.1:3000/api/v1/push\", line)\n\
         \tif err != nil {\n\
         \t\tlog.Fatal(err)\n\
         \t}\n\
         \trequest.Header.Set(\"content-type\", \"application/json\")\n\
         \trequest.Header.Set(\"authorization\", \"Bearer {key}\")\n\
         \tanswer, err := http.DefaultClient.Do(request)\n",
    ),
    ("rsyslog-elasticsearch", "serverport=\"3000\"", "serverport=\"3000\" uid=\"shop\" pwd=\"{key}\""),
];

/// The text of the snippet with [`KEY`] in the place of the key; `None` if its client sends no key.
pub(super) fn with_key(name: &str, text: &str) -> Option<String> {
    let (_, plain, keyed) = PLACES.iter().find(|(of, ..)| *of == name)?;
    Some(text.replace(plain, keyed))
}
