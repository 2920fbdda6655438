# Gems, again only when their manifests change.
FROM ruby:{{version}}-slim AS build
{{#build_packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/build_packages}}
{{#node}}
COPY --from=node:{{node}}-slim /usr/local/bin/ /usr/local/bin/
COPY --from=node:{{node}}-slim /usr/local/lib/node_modules/ /usr/local/lib/node_modules/
COPY --from=node:{{node}}-slim /opt/ /opt/
{{/node}}
ENV RAILS_ENV=production RACK_ENV=production APP_ENV=production \
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
RUN mkdir -p /usr/local/bundle && rm -rf /usr/local/bundle/ruby/*/cache
{{#built}}

FROM build AS app
{{#build_env}}
ARG {{.}}
{{/build_env}}
COPY . .
{{#build}}
RUN {{run}}
{{/build}}
RUN rm -rf node_modules tmp/cache
{{/built}}

FROM ruby:{{version}}-slim
{{#packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/packages}}
RUN useradd --create-home --uid 1000 app && install -d -o app -g app /app
WORKDIR /app
ENV RAILS_ENV=production RACK_ENV=production APP_ENV=production \
    RAILS_LOG_TO_STDOUT=1 RAILS_SERVE_STATIC_FILES=1 \
    BUNDLE_PATH=/usr/local/bundle BUNDLE_WITHOUT=development:test \
    PORT={{port}}
COPY --from=build /usr/local/bundle /usr/local/bundle
COPY {{#built}}--from=app {{/built}}--chown=app:app {{#built}}/app/{{/built}}{{^built}}.{{/built}} ./
USER app
EXPOSE {{port}}
{{#web}}
CMD {{start}}
{{/web}}
