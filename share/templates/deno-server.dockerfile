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

FROM denoland/deno:{{version}}
{{#packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/packages}}
RUN install -d -o deno -g deno /app
WORKDIR /app
ENV DENO_DIR=/deno-dir DENO_NO_UPDATE_CHECK=1 PORT={{port}} \
    DENO_SERVE_ADDRESS=tcp:0.0.0.0:{{port}}
COPY --from=build --chown=deno:deno /deno-dir/ /deno-dir/
COPY --from=build --chown=deno:deno /app/ ./
USER deno
EXPOSE {{port}}
{{#web}}
CMD {{start}}
{{/web}}
