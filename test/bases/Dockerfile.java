# eclipse-temurin:V-jre and maven:3.9-eclipse-temurin-V: Debian's OpenJDK.
FROM debian:trixie-slim
ARG PACKAGES
LABEL rcn.standin="$PACKAGES of Debian trixie"
COPY settings/ /
RUN apt-get update -qq && apt-get install -qq -y \
    ca-certificates ca-certificates-java $PACKAGES && \
    apt-get clean && rm -rf /var/lib/apt/lists/* && \
    update-ca-certificates --fresh >/dev/null && java -version
