FROM golang:{{version}} AS build
{{#build_packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/build_packages}}
WORKDIR /app
{{#build_env}}
ARG {{.}}
{{/build_env}}
{{#installed}}
# Modules, again only when their manifests change.
{{#copies}}
COPY {{from}} {{to}}
{{/copies}}
{{#install}}
RUN --mount=type=cache,target=/go/pkg/mod {{.}}
{{/install}}
{{/installed}}
{{#bound}}
# The sources are only lent to the compiler: no layer holds them.
RUN --mount=type=bind,target=/app,rw \
    --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
{{#steps}}
    {{.}} && \
{{/steps}}
    mkdir -p /out && cp -r --parents {{artifacts}} /out/
{{/bound}}
{{^bound}}
COPY . .
{{#build}}
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    {{run}}
{{/build}}
{{/bound}}

FROM debian:trixie-slim
{{#packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/packages}}
RUN useradd --create-home --uid 1000 app && install -d -o app -g app /app
WORKDIR /app
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
{{#bound}}
COPY --from=build --chown=app:app /out/ ./
{{#assets}}
COPY --chown=app:app {{from}} {{to}}
{{/assets}}
{{/bound}}
{{^bound}}
COPY --from=build --chown=app:app /app/ ./
{{/bound}}
ENV PORT={{port}} PATH=/app/bin:$PATH
USER app
EXPOSE {{port}}
{{#web}}
CMD {{start}}
{{/web}}
