# Dependencies, again only when their manifests change.
FROM oven/bun:1.4.5-slim AS deps
WORKDIR /app
COPY package.json bun.lock ./
RUN --mount=type=cache,target=/root/.bun/install/cache bun install --frozen-lockfile --production
RUN mkdir -p node_modules

FROM oven/bun:1.4.5-slim
RUN install -d -o bun -g bun /app
WORKDIR /app
ENV NODE_ENV=production PORT=10000 PATH=/app/node_modules/.bin:$PATH
COPY --from=deps --chown=bun:bun /app/node_modules ./node_modules
COPY --chown=bun:bun . ./
USER bun
EXPOSE 10000
CMD ["bun", "run", "index.ts"]
