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
RUN mkdir -p public

FROM {{base}}
{{#packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/packages}}
RUN install -d -o node -g node /app
WORKDIR /app
ENV NODE_ENV=production PORT={{port}} HOSTNAME=0.0.0.0
COPY --from=build --chown=node:node /app/.next/standalone ./
COPY --from=build --chown=node:node /app/.next/static ./.next/static
COPY --from=build --chown=node:node /app/public ./public
USER node
EXPOSE {{port}}
{{#web}}
CMD {{start}}
{{/web}}
