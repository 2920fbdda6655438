# Gems, again only when their manifests change.
FROM ruby:3.4.2-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential git libyaml-dev pkg-config libpq-dev && \
    rm -rf /var/lib/apt/lists/*
COPY --from=node:24-slim /usr/local/bin/ /usr/local/bin/
COPY --from=node:24-slim /usr/local/lib/node_modules/ /usr/local/lib/node_modules/
COPY --from=node:24-slim /opt/ /opt/
ENV RAILS_ENV=production RACK_ENV=production APP_ENV=production \
    BUNDLE_PATH=/usr/local/bundle BUNDLE_WITHOUT=development:test \
    BUNDLE_GLOBAL_GEM_CACHE=true
WORKDIR /app
COPY Gemfile Gemfile.lock .ruby-version package.json ./
RUN --mount=type=cache,target=/root/.bundle/cache \
    --mount=type=cache,target=/root/.npm \
    BUNDLE_FROZEN=true bundle install
RUN --mount=type=cache,target=/root/.bundle/cache \
    --mount=type=cache,target=/root/.npm \
    npm install
RUN mkdir -p /usr/local/bundle && rm -rf /usr/local/bundle/ruby/*/cache

FROM build AS app
COPY . .
RUN bundle exec bootsnap precompile --gemfile app/ lib/
RUN SECRET_KEY_BASE_DUMMY=1 bundle exec rails assets:precompile
RUN rm -rf node_modules tmp/cache

FROM ruby:3.4.2-slim
RUN apt-get update && apt-get install -y --no-install-recommends libpq5 && \
    rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 app && install -d -o app -g app /app
WORKDIR /app
ENV RAILS_ENV=production RACK_ENV=production APP_ENV=production \
    RAILS_LOG_TO_STDOUT=1 RAILS_SERVE_STATIC_FILES=1 \
    BUNDLE_PATH=/usr/local/bundle BUNDLE_WITHOUT=development:test \
    PORT=10000
COPY --from=build /usr/local/bundle /usr/local/bundle
COPY --from=app --chown=app:app /app/ ./
USER app
EXPOSE 10000
CMD ["bundle", "exec", "puma", "-C", "config/puma.rb"]
