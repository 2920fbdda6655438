FROM mcr.microsoft.com/dotnet/sdk:{{manager_version}} AS build
{{#build_packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/build_packages}}
ENV DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
WORKDIR /app
{{#build_env}}
ARG {{.}}
{{/build_env}}
# Projects, again only when one of them changes.
{{#copies}}
COPY {{from}} {{to}}
{{/copies}}
{{#install}}
RUN {{.}}
{{/install}}
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
