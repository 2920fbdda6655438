# Dependencies, again only when their manifests change.
FROM node:24-slim AS deps
WORKDIR /app
COPY package.json yarn.lock ./
RUN --mount=type=cache,target=/usr/local/share/.cache/yarn,sharing=locked yarn install --frozen-lockfile
RUN mkdir -p node_modules

FROM deps AS build
ENV PATH=/app/node_modules/.bin:$PATH
COPY . .
RUN yarn run build

# What is left of the app without its dependencies.
FROM build AS app
RUN rm -rf node_modules

# What is needed to run, without what was needed to build.
FROM node:24-slim AS production
WORKDIR /app
COPY package.json yarn.lock ./
RUN --mount=type=cache,target=/usr/local/share/.cache/yarn,sharing=locked yarn install --frozen-lockfile --production
RUN mkdir -p node_modules

FROM node:24-slim
RUN install -d -o node -g node /app
WORKDIR /app
ENV NODE_ENV=production PORT=10000 PATH=/app/node_modules/.bin:$PATH
COPY --from=production --chown=node:node /app/node_modules ./node_modules
COPY --from=app --chown=node:node /app/ ./
USER node
EXPOSE 10000
CMD ["node", "dist/server.js"]
