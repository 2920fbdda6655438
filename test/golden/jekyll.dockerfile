# Gems, again only when their manifests change.
FROM ruby:3.4-slim AS deps
RUN apt-get update && apt-get install -y --no-install-recommends build-essential git libyaml-dev pkg-config && \
    rm -rf /var/lib/apt/lists/*
ENV RACK_ENV=production \
    BUNDLE_PATH=/usr/local/bundle BUNDLE_WITHOUT=development:test \
    BUNDLE_GLOBAL_GEM_CACHE=true
WORKDIR /app
COPY Gemfile ./
RUN --mount=type=cache,target=/root/.bundle/cache \
    --mount=type=cache,target=/root/.npm \
    bundle install

FROM deps AS build
COPY . .
RUN JEKYLL_ENV=production bundle exec jekyll build

# The files, behind a static server.
FROM caddy:2
ENV PORT=10000
RUN printf '%s\n' \
    '{' \
    '	admin off' \
    '	auto_https off' \
    '	persist_config off' \
    '}' \
    ':{$PORT} {' \
    '	root * /srv' \
    '	encode zstd gzip' \
    '	try_files {path} {path}/ {path}.html' \
    '	file_server' \
    '	handle_errors {' \
    '		rewrite * /404.html' \
    '		file_server' \
    '	}' \
    '}' >/etc/caddy/Caddyfile
COPY --from=build /app/_site/ /srv/
USER 1000:1000
EXPOSE 10000
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile"]
