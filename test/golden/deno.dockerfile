# Dependencies, again only when their manifests change.
FROM denoland/deno:2.9.6 AS build
ENV DENO_DIR=/deno-dir
WORKDIR /app
COPY deno.json ./
RUN deno install
COPY . .
RUN deno cache main.ts

FROM denoland/deno:2.9.6
RUN install -d -o deno -g deno /app
WORKDIR /app
ENV DENO_DIR=/deno-dir DENO_NO_UPDATE_CHECK=1 PORT=10000 \
    DENO_SERVE_ADDRESS=tcp:0.0.0.0:10000
COPY --from=build --chown=deno:deno /deno-dir/ /deno-dir/
COPY --from=build --chown=deno:deno /app/ ./
USER deno
EXPOSE 10000
CMD ["deno", "serve", "--allow-all", "main.ts"]
