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

FROM tomcat:10.1-jre{{version}}
{{#packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/packages}}
RUN useradd --create-home app && \
    sed -i 's/port="8080"/port="${PORT}"/' conf/server.xml && \
    chown -R app:app conf logs temp webapps work
ENV PORT={{port}} \
    JAVA_OPTS="-XX:MaxRAMPercentage=75 -Dorg.apache.tomcat.util.digester.PROPERTY_SOURCE=org.apache.tomcat.util.digester.EnvironmentPropertySource"
{{#bound}}
COPY --from=build --chown=app:app /out/app.war ./webapps/ROOT.war
{{/bound}}
{{^bound}}
COPY --from=build --chown=app:app /app/app.war ./webapps/ROOT.war
{{/bound}}
USER app
EXPOSE {{port}}
{{#web}}
CMD {{start}}
{{/web}}
