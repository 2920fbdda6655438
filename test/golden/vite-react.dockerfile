# Dependencies, again only when their manifests change.
FROM node:24-slim AS deps
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci
RUN mkdir -p node_modules

FROM deps AS build
ENV PATH=/app/node_modules/.bin:$PATH
COPY . .
RUN npm run build

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
    '	try_files {path} {path}/ {path}.html /index.html' \
    '	file_server' \
    '}' >/etc/caddy/Caddyfile
COPY --from=build /app/dist/ /srv/
USER 1000:1000
EXPOSE 10000
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile"]
