FROM rust:1.99-slim AS build
# The compiler of the image, whatever rust-toolchain asks to download.
ENV RUSTUP_TOOLCHAIN=$RUST_VERSION
WORKDIR /app
# The sources are only lent to the compiler: no layer holds them.  Cargo goes
# by times, and a commit may be older than the last build.
RUN --mount=type=bind,target=/app,rw \
    --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,id=rust-target,target=/app/target \
    find . -path ./target -prune -o -type f -size -1024k -exec touch {} + && \
    cargo build --release --locked --bin hello && \
    mkdir -p /out && cp -r --parents target/release/hello /out/

FROM debian:trixie-slim
RUN useradd --create-home --uid 1000 app && install -d -o app -g app /app
WORKDIR /app
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=app:app /out/ ./
COPY --chown=app:app templates/ ./templates/
ENV PORT=10000 ROCKET_ADDRESS=0.0.0.0 ROCKET_PORT=10000
USER app
EXPOSE 10000
CMD ["target/release/hello"]
