FROM maven:3.9-eclipse-temurin-17 AS build
ENV GRADLE_USER_HOME=/root/.gradle
WORKDIR /app
# The sources are only lent to the build: no layer holds them.
RUN --mount=type=bind,target=/app,rw \
    --mount=type=cache,target=/root/.m2 \
    --mount=type=cache,target=/root/.gradle \
    (mvn -B -DskipTests package) && \
    (cp "$(ls target/*.jar | grep -vE '(/original-|-(sources|javadoc|plain|tests)\.jar$)' | head -n 1)" app.jar) && \
    mkdir -p /out && cp -r --parents app.jar /out/

FROM eclipse-temurin:17-jre
RUN useradd --create-home app && install -d -o app -g app /app
WORKDIR /app
COPY --from=build --chown=app:app /out/ ./
ENV PORT=10000 SERVER_PORT=10000 MICRONAUT_SERVER_PORT=10000 \
    QUARKUS_HTTP_PORT=10000 QUARKUS_HTTP_HOST=0.0.0.0
USER app
EXPOSE 10000
CMD ["java", "-XX:MaxRAMPercentage=75", "-jar", "app.jar"]
