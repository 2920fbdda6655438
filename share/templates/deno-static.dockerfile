# Dependencies, again only when their manifests change.
FROM denoland/deno:{{version}} AS build
ENV DENO_DIR=/deno-dir
WORKDIR /app
{{#copies}}
COPY {{from}} {{to}}
{{/copies}}
{{#install}}
RUN {{.}}
{{/install}}
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
