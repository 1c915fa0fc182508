# A small image with one file: the program with the dashboard inside. Needs BuildKit, Docker's
# builder since version 23 (before: DOCKER_BUILDKIT=1).
#
#   docker build -t logboom .
#   docker run --stop-timeout 30 -v logboom:/data \
#     -p 127.0.0.1:3000:3000 -p 127.0.0.1:4317:4317 -p 127.0.0.1:4318:4318 logboom

# Layers are the only cache, and `--cache-to type=…,mode=max` exports them: the tools, the compiled
# dependencies, our own sources. Each is built again only when what it is made of has changed.

# What the dependencies are made of: the manifests without our sources. The copies of their content
# below are the same, whatever else has changed here.
FROM rust:1-bookworm AS manifests
COPY . /checkout
RUN /checkout/scripts/dependencies.sh copy /manifests \
 # All that setup.sh reads of the lock file: the version of one tool.
 && mkdir /tools \
 && grep -A 1 '^name = "wasm-bindgen"$' /checkout/Cargo.lock >/tools/Cargo.lock

FROM rust:1-bookworm AS build
# Node.js and npm install the optimiser for WebAssembly.
COPY --from=node:22-bookworm-slim /usr/local/bin/ /usr/local/bin/
COPY --from=node:22-bookworm-slim /usr/local/lib/node_modules/ /usr/local/lib/node_modules/
WORKDIR /logboom

COPY scripts/lib/ scripts/lib/
COPY scripts/setup.sh scripts/
COPY rust-toolchain.toml ./
COPY --from=manifests /tools/ ./
RUN scripts/setup.sh web

COPY scripts/dependencies.sh scripts/
COPY --from=manifests /manifests/ ./
RUN scripts/dependencies.sh build

# Cargo compares times of change, and those of a checkout may be older than the empty sources that
# the dependencies were compiled with.
COPY . .
RUN find . -path ./target -prune -o -type f -exec touch {} + \
 && make release \
 && cp target/release/logboom /usr/local/bin/logboom

FROM debian:bookworm-slim
# Certificate authorities for amqps:// and postgres://…?sslmode=verify-full.
RUN apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --home-dir /data --create-home logboom
COPY --from=build /usr/local/bin/logboom /usr/local/bin/logboom
USER logboom
WORKDIR /data
VOLUME /data
# All addresses of the container, not of the machine: what is reachable from outside is
# decided by -p. It starts closed, and prints an address at which the first admin is created. With
# LOGBOOM_ADMIN_PASSWORD_FILE it creates the user `admin` with the password in that file instead; see
# docs/access.md.
#   3000  the dashboard, every HTTP door, gRPC, health and metrics
#   4317  gRPC alone
#   4318  OTLP over HTTP alone
ENV LOGBOOM_LISTEN=0.0.0.0:3000 LOGBOOM_GRPC_LISTEN=0.0.0.0:4317 LOGBOOM_OTLP_LISTEN=0.0.0.0:4318 \
    LOGBOOM_DATA=/data
EXPOSE 3000 4317 4318
# Is the process alive? A queue or store that is away does not make it unhealthy; /readyz has
# that. With TLS, the answer to plain HTTP is enough. By bash alone, because the image has no HTTP client.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/${LOGBOOM_LISTEN##*:} && printf 'GET /healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && grep -qE '^HTTP/1.[01] (200 |400 TLS Required)' <&3"]
ENTRYPOINT ["logboom"]
CMD ["serve"]
