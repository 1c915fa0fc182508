# A small image with one file: the program with the dashboard inside.
#
#   docker build -t logboom .
#   docker run -p 3000:3000 -p 4317:4317 -v logboom:/data logboom

FROM rust:1-bookworm AS build
# Node.js and npm install the optimiser for WebAssembly.
COPY --from=node:22-bookworm-slim /usr/local/bin/ /usr/local/bin/
COPY --from=node:22-bookworm-slim /usr/local/lib/node_modules/ /usr/local/lib/node_modules/
WORKDIR /logboom
COPY . .
RUN make release

FROM debian:bookworm-slim
# Certificate authorities for amqps:// and postgres://…?sslmode=verify-full.
RUN apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --home-dir /data --create-home logboom
COPY --from=build /logboom/target/release/logboom /usr/local/bin/logboom
USER logboom
WORKDIR /data
VOLUME /data
EXPOSE 3000 4317
ENV LOGBOOM_LISTEN=0.0.0.0:3000 LOGBOOM_GRPC_LISTEN=0.0.0.0:4317 LOGBOOM_DATA=/data
ENTRYPOINT ["logboom"]
CMD ["serve"]
