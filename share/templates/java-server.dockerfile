{{#manager_version}}
{{#with_maven}}
FROM maven:{{manager_version}}-eclipse-temurin-{{version}} AS build
{{/with_maven}}
{{#with_gradle}}
FROM gradle:{{manager_version}}-jdk{{version}} AS build
{{/with_gradle}}
{{/manager_version}}
{{^manager_version}}
FROM eclipse-temurin:{{version}}-jdk AS build
{{/manager_version}}
{{#build_packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/build_packages}}
ENV GRADLE_USER_HOME=/root/.gradle
WORKDIR /app
{{#build_env}}
ARG {{.}}
{{/build_env}}
{{#bound}}
# The sources are only lent to the build: no layer holds them.
RUN --mount=type=bind,target=/app,rw \
    --mount=type=cache,target=/root/.m2 \
    --mount=type=cache,target=/root/.gradle \
{{#steps}}
    {{.}} && \
{{/steps}}
    mkdir -p /out && cp -r --parents {{artifacts}} /out/
{{/bound}}
{{^bound}}
COPY . .
{{#build}}
RUN --mount=type=cache,target=/root/.m2 \
    --mount=type=cache,target=/root/.gradle \
    {{run}}
{{/build}}
{{/bound}}

FROM eclipse-temurin:{{version}}-jre
{{#packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/packages}}
RUN useradd --create-home app && install -d -o app -g app /app
WORKDIR /app
{{#bound}}
COPY --from=build --chown=app:app /out/ ./
{{#assets}}
COPY --chown=app:app {{from}} {{to}}
{{/assets}}
{{/bound}}
{{^bound}}
COPY --from=build --chown=app:app /app/ ./
{{/bound}}
ENV PORT={{port}} SERVER_PORT={{port}} MICRONAUT_SERVER_PORT={{port}} \
    QUARKUS_HTTP_PORT={{port}} QUARKUS_HTTP_HOST=0.0.0.0
USER app
EXPOSE {{port}}
{{#web}}
CMD {{start}}
{{/web}}
