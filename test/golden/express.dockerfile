# Dependencies, again only when their manifests change.
FROM node:24-slim AS deps
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev
RUN mkdir -p node_modules

FROM node:24-slim
RUN install -d -o node -g node /app
WORKDIR /app
ENV NODE_ENV=production PORT=10000 PATH=/app/node_modules/.bin:$PATH
COPY --from=deps --chown=node:node /app/node_modules ./node_modules
COPY --chown=node:node . ./
USER node
EXPOSE 10000
CMD ["node", "server.js"]
