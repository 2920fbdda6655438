# Dependencies, again only when their manifests change.
FROM node:24-slim AS deps
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci
RUN mkdir -p node_modules

FROM deps AS build
ENV PATH=/app/node_modules/.bin:$PATH
COPY . .
RUN --mount=type=cache,id=next-standalone-next,target=/app/.next/cache npm run build
RUN mkdir -p public

FROM node:24-slim
RUN install -d -o node -g node /app
WORKDIR /app
ENV NODE_ENV=production PORT=10000 HOSTNAME=0.0.0.0
COPY --from=build --chown=node:node /app/.next/standalone ./
COPY --from=build --chown=node:node /app/.next/static ./.next/static
COPY --from=build --chown=node:node /app/public ./public
USER node
EXPOSE 10000
CMD ["node", "server.js"]
