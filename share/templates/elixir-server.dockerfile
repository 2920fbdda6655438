# Dependencies, again only when their manifests change.
FROM elixir:{{version}}{{#extensions}}-{{.}}{{/extensions}}-slim AS build
{{#build_packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/build_packages}}
{{#node}}
COPY --from=node:{{node}}-slim /usr/local/bin/ /usr/local/bin/
COPY --from=node:{{node}}-slim /usr/local/lib/node_modules/ /usr/local/lib/node_modules/
COPY --from=node:{{node}}-slim /opt/ /opt/
{{/node}}
ENV MIX_ENV=prod LANG=C.UTF-8
RUN mix local.hex --force && mix local.rebar --force
WORKDIR /app
{{#copies}}
COPY {{from}} {{to}}
{{/copies}}
{{#install}}
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=cache,target=/root/.npm \
    {{.}}
{{/install}}
{{#build_env}}
ARG {{.}}
{{/build_env}}
COPY . .
{{#build}}
RUN {{run}}
{{/build}}
{{#bound}}
RUN mkdir -p /out && cp -r --parents {{artifacts}} /out/
{{/bound}}

FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
    ca-certificates libncurses6 libssl3 libstdc++6 {{#packages}}{{.}} {{/packages}}&& \
    rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 app && install -d -o app -g app /app
WORKDIR /app
COPY --from=build --chown=app:app {{#bound}}/out/{{/bound}}{{^bound}}/app/{{/bound}} ./
ENV LANG=C.UTF-8 MIX_ENV=prod PHX_SERVER=true PORT={{port}}
USER app
EXPOSE {{port}}
{{#web}}
CMD {{start}}
{{/web}}
