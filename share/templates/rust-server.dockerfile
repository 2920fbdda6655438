FROM rust:{{version}}-slim AS build
{{#build_packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/build_packages}}
# The compiler of the image, whatever rust-toolchain asks to download.
ENV RUSTUP_TOOLCHAIN=$RUST_VERSION
WORKDIR /app
{{#build_env}}
ARG {{.}}
{{/build_env}}
{{#bound}}
# The sources are only lent to the compiler: no layer holds them.  Cargo goes
# by times, and a commit may be older than the last build.
RUN --mount=type=bind,target=/app,rw \
    --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,id={{slug}}-target,target=/app/target \
    find . -path ./target -prune -o -type f -size -1024k -exec touch {} + && \
{{#steps}}
    {{.}} && \
{{/steps}}
    mkdir -p /out && cp -r --parents {{artifacts}} /out/
{{/bound}}
{{^bound}}
COPY . .
{{#build}}
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    {{run}}
{{/build}}
{{/bound}}

FROM debian:trixie-slim
{{#packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/packages}}
RUN useradd --create-home --uid 1000 app && install -d -o app -g app /app
WORKDIR /app
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
{{#bound}}
COPY --from=build --chown=app:app /out/ ./
{{#assets}}
COPY --chown=app:app {{from}} {{to}}
{{/assets}}
{{/bound}}
{{^bound}}
COPY --from=build --chown=app:app /app/ ./
{{/bound}}
ENV PORT={{port}} ROCKET_ADDRESS=0.0.0.0 ROCKET_PORT={{port}}
USER app
EXPOSE {{port}}
{{#web}}
CMD {{start}}
{{/web}}
