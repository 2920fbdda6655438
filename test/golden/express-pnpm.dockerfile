# Dependencies, again only when their manifests change.
FROM node:22-slim AS deps
WORKDIR /app
RUN npm install -g pnpm@9.15.0
COPY package.json pnpm-lock.yaml ./
RUN --mount=type=cache,target=/root/.local/share/pnpm/store pnpm install --frozen-lockfile --prod
RUN mkdir -p node_modules

FROM node:22-slim
RUN install -d -o node -g node /app
WORKDIR /app
ENV NODE_ENV=production PORT=10000 PATH=/app/node_modules/.bin:$PATH
COPY --from=deps --chown=node:node /app/node_modules ./node_modules
COPY --chown=node:node . ./
USER node
EXPOSE 10000
CMD ["node", "server.js"]
