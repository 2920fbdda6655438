FROM golang:{{version}} AS build
{{#build_packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/build_packages}}
# A home of its own, since the last stage starts from nothing.
RUN mkdir -p /root-fs/app /root-fs/tmp /root-fs/etc/ssl/certs && \
    cp /etc/ssl/certs/ca-certificates.crt /root-fs/etc/ssl/certs/ && \
    echo 'app:x:1000:1000::/app:/nologin' >/root-fs/etc/passwd && \
    echo 'app:x:1000:' >/root-fs/etc/group && \
    chmod 1777 /root-fs/tmp && chown 1000:1000 /root-fs/app
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
# The sources are only lent to the compiler: no layer holds them.
RUN --mount=type=bind,target=/app,rw \
    --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
{{#steps}}
    {{.}} && \
{{/steps}}
    mkdir -p /out && cp -r --parents {{artifacts}} /out/

FROM scratch
COPY --from=build /root-fs/ /
WORKDIR /app
COPY --from=build --chown=1000:1000 /out/ ./
{{#assets}}
COPY --chown=1000:1000 {{from}} {{to}}
{{/assets}}
ENV PORT={{port}} HOME=/app PATH=/app/bin
USER 1000:1000
EXPOSE {{port}}
{{#web}}
CMD {{start}}
{{/web}}
