# Dependencies, again only when their manifests change.
FROM oven/bun:{{version}}-slim AS deps
WORKDIR /app
{{#build_packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/build_packages}}
{{#copies}}
COPY {{from}} {{to}}
{{/copies}}
{{#install}}
RUN --mount=type=cache,target=/root/.bun/install/cache {{.}}
{{/install}}
RUN mkdir -p node_modules

{{#built}}
FROM deps AS build
ENV PATH=/app/node_modules/.bin:$PATH
{{#build_env}}
ARG {{.}}
{{/build_env}}
COPY . .
{{#build}}
RUN {{mount}}{{run}}
{{/build}}

# What is left of the app without its dependencies.
FROM build AS app
RUN rm -rf node_modules

{{/built}}
{{#production}}
# What is needed to run, without what was needed to build.
FROM oven/bun:{{version}}-slim AS production
WORKDIR /app
{{#build_packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/build_packages}}
{{#copies}}
COPY {{from}} {{to}}
{{/copies}}
{{#install}}
RUN --mount=type=cache,target=/root/.bun/install/cache {{.}}
{{/install}}
RUN mkdir -p node_modules

{{/production}}
FROM oven/bun:{{version}}-slim
{{#packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/packages}}
RUN install -d -o bun -g bun /app
WORKDIR /app
ENV NODE_ENV=production PORT={{port}} PATH=/app/node_modules/.bin:$PATH
COPY --from={{modules}} --chown=bun:bun /app/node_modules ./node_modules
COPY {{#built}}--from=app {{/built}}--chown=bun:bun {{#built}}/app/{{/built}}{{^built}}.{{/built}} ./
USER bun
EXPOSE {{port}}
{{#web}}
CMD {{start}}
{{/web}}
