# Dependencies, again only when their manifests change.
FROM {{base}} AS deps
WORKDIR /app
{{#build_packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/build_packages}}
{{#tool}}
RUN {{.}}
{{/tool}}
{{#berry}}
ENV YARN_NODE_LINKER=node-modules
{{/berry}}
{{#copies}}
COPY {{from}} {{to}}
{{/copies}}
{{#install}}
RUN --mount=type=cache,target={{cache}} {{.}}
{{/install}}
RUN mkdir -p node_modules

FROM deps AS build
ENV PATH=/app/node_modules/.bin:$PATH
{{#build_env}}
ARG {{.}}
{{/build_env}}
COPY . .
{{#build}}
RUN {{mount}}{{run}}
{{/build}}

# The files, behind a static server.
FROM caddy:2
ENV PORT={{port}}
RUN printf '%s\n' \
    '{' \
    '	admin off' \
    '	auto_https off' \
    '	persist_config off' \
    '}' \
    ':{$PORT} {' \
    '	root * /srv' \
    '	encode zstd gzip' \
{{#spa}}
    '	try_files {path} {path}/ {path}.html /index.html' \
    '	file_server' \
{{/spa}}
{{^spa}}
    '	try_files {path} {path}/ {path}.html' \
    '	file_server' \
    '	handle_errors {' \
    '		rewrite * /404.html' \
    '		file_server' \
    '	}' \
{{/spa}}
    '}' >/etc/caddy/Caddyfile
COPY --from=build {{files}} /srv/
USER 1000:1000
EXPOSE {{port}}
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile"]
