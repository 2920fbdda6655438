# Dependencies, again only when their manifests change.
FROM elixir:1.18.2-otp-27-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential git && \
    rm -rf /var/lib/apt/lists/*
ENV MIX_ENV=prod LANG=C.UTF-8
RUN mix local.hex --force && mix local.rebar --force
WORKDIR /app
COPY mix.exs mix.lock ./
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=cache,target=/root/.npm \
    mix deps.get --only prod
COPY . .
RUN mix compile
RUN mix assets.deploy
RUN mix release
RUN mkdir -p /out && cp -r --parents _build/prod/rel/shop /out/

FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
    ca-certificates libncurses6 libssl3 libstdc++6 && \
    rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 app && install -d -o app -g app /app
WORKDIR /app
COPY --from=build --chown=app:app /out/ ./
ENV LANG=C.UTF-8 MIX_ENV=prod PHX_SERVER=true PORT=10000
USER app
EXPOSE 10000
CMD ["_build/prod/rel/shop/bin/shop", "start"]
