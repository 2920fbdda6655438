# Gems, again only when their manifests change.
FROM ruby:{{version}}-slim AS deps
{{#build_packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/build_packages}}
{{#node}}
COPY --from=node:{{node}}-slim /usr/local/bin/ /usr/local/bin/
COPY --from=node:{{node}}-slim /usr/local/lib/node_modules/ /usr/local/lib/node_modules/
COPY --from=node:{{node}}-slim /opt/ /opt/
{{/node}}
ENV RACK_ENV=production \
    BUNDLE_PATH=/usr/local/bundle BUNDLE_WITHOUT=development:test \
    BUNDLE_GLOBAL_GEM_CACHE=true
WORKDIR /app
{{#copies}}
COPY {{from}} {{to}}
{{/copies}}
{{#install}}
RUN --mount=type=cache,target=/root/.bundle/cache \
    --mount=type=cache,target=/root/.npm \
    {{.}}
{{/install}}

FROM deps AS build
{{#build_env}}
ARG {{.}}
{{/build_env}}
COPY . .
{{#build}}
RUN {{run}}
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
