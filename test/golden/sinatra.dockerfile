# Gems, again only when their manifests change.
FROM ruby:3.4-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential git libyaml-dev pkg-config && \
    rm -rf /var/lib/apt/lists/*
ENV RAILS_ENV=production RACK_ENV=production APP_ENV=production \
    BUNDLE_PATH=/usr/local/bundle BUNDLE_WITHOUT=development:test \
    BUNDLE_GLOBAL_GEM_CACHE=true
WORKDIR /app
COPY Gemfile ./
RUN --mount=type=cache,target=/root/.bundle/cache \
    --mount=type=cache,target=/root/.npm \
    bundle install
RUN mkdir -p /usr/local/bundle && rm -rf /usr/local/bundle/ruby/*/cache

FROM ruby:3.4-slim
RUN useradd --create-home --uid 1000 app && install -d -o app -g app /app
WORKDIR /app
ENV RAILS_ENV=production RACK_ENV=production APP_ENV=production \
    RAILS_LOG_TO_STDOUT=1 RAILS_SERVE_STATIC_FILES=1 \
    BUNDLE_PATH=/usr/local/bundle BUNDLE_WITHOUT=development:test \
    PORT=10000
COPY --from=build /usr/local/bundle /usr/local/bundle
COPY --chown=app:app . ./
USER app
EXPOSE 10000
CMD ["/bin/sh", "-c", "bundle exec puma -b tcp://0.0.0.0:$PORT config.ru"]
