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
{{#prepare_first}}
RUN npm pkg delete scripts.prepare
{{/prepare_first}}
{{#install}}
RUN --mount=type=cache,target={{cache}} {{.}}
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
FROM {{base}} AS production
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
{{#prepare}}
RUN npm pkg delete scripts.prepare
{{/prepare}}
{{#install}}
RUN --mount=type=cache,target={{cache}} {{.}}
{{/install}}
RUN mkdir -p node_modules

{{/production}}
FROM {{base}}
{{#packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/packages}}
RUN install -d -o node -g node /app
WORKDIR /app
ENV NODE_ENV=production PORT={{port}} PATH=/app/node_modules/.bin:$PATH
COPY --from={{modules}} --chown=node:node /app/node_modules ./node_modules
COPY {{#built}}--from=app {{/built}}--chown=node:node {{#built}}/app/{{/built}}{{^built}}.{{/built}} ./
USER node
EXPOSE {{port}}
{{#web}}
CMD {{start}}
{{/web}}
