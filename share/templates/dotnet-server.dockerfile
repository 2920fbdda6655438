FROM mcr.microsoft.com/dotnet/sdk:{{manager_version}} AS build
{{#build_packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/build_packages}}
ENV DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
WORKDIR /app
{{#build_env}}
ARG {{.}}
{{/build_env}}
{{#bound}}
# The sources are only lent to the compiler: no layer holds them.
RUN --mount=type=bind,target=/app,rw \
    --mount=type=cache,target=/root/.nuget/packages \
{{#install}}
    {{.}} && \
{{/install}}
{{#steps}}
    {{.}} && \
{{/steps}}
    mkdir -p /out && cp -r --parents {{artifacts}} /out/
{{/bound}}
{{^bound}}
COPY . .
{{#install}}
RUN {{.}}
{{/install}}
{{#build}}
RUN {{run}}
{{/build}}
{{/bound}}

FROM mcr.microsoft.com/dotnet/{{#is_aspnet}}aspnet{{/is_aspnet}}{{^is_aspnet}}runtime{{/is_aspnet}}:{{version}}
{{#packages}}
RUN apt-get update && apt-get install -y --no-install-recommends {{.}} && \
    rm -rf /var/lib/apt/lists/*
{{/packages}}
RUN (id app || useradd --create-home app) && install -d -o app -g app /app
WORKDIR /app
{{#bound}}
COPY --from=build --chown=app:app /out/ ./
{{/bound}}
{{^bound}}
COPY --from=build --chown=app:app /app/ ./
{{/bound}}
ENV PORT={{port}} ASPNETCORE_URLS=http://+:{{port}} \
    ASPNETCORE_CONTENTROOT=/app/out DOTNET_CONTENTROOT=/app/out
USER app
EXPOSE {{port}}
{{#web}}
CMD {{start}}
{{/web}}
