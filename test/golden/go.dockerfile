FROM golang:1.26 AS build
# A home of its own, since the last stage starts from nothing.
RUN mkdir -p /root-fs/app /root-fs/tmp /root-fs/etc/ssl/certs && \
    cp /etc/ssl/certs/ca-certificates.crt /root-fs/etc/ssl/certs/ && \
    echo 'app:x:1000:1000::/app:/nologin' >/root-fs/etc/passwd && \
    echo 'app:x:1000:' >/root-fs/etc/group && \
    chmod 1777 /root-fs/tmp && chown 1000:1000 /root-fs/app
WORKDIR /app
# Modules, again only when their manifests change.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
# The sources are only lent to the compiler: no layer holds them.
RUN --mount=type=bind,target=/app,rw \
    --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    (CGO_ENABLED=0 go build -trimpath -tags timetzdata -ldflags='-s -w' -o bin/shop ./cmd/shop) && \
    (CGO_ENABLED=0 go build -trimpath -tags timetzdata -ldflags='-s -w' -o bin/mailer ./cmd/mailer) && \
    mkdir -p /out && cp -r --parents bin/shop bin/mailer /out/

FROM scratch
COPY --from=build /root-fs/ /
WORKDIR /app
COPY --from=build --chown=1000:1000 /out/ ./
COPY --chown=1000:1000 templates/ ./templates/
ENV PORT=10000 HOME=/app PATH=/app/bin
USER 1000:1000
EXPOSE 10000
CMD ["bin/shop"]
